package org.kerassep.demo.player

import android.app.Application
import android.content.Intent
import android.media.AudioManager
import androidx.test.core.app.ApplicationProvider
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.kerassep.demo.audio.SourceKind
import org.kerassep.demo.systemService
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowLooper

@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], application = Application::class)
class AndroidInterruptionsTest {
    private val application = ApplicationProvider.getApplicationContext<Application>()
    private val manager = shadowOf(application.systemService<AudioManager>())
    private val told = ArrayList<Interruption>()
    private val interruptions = AndroidInterruptions(application).apply { listener = { told += it } }

    private fun unplug() {
        application.sendBroadcast(Intent(AudioManager.ACTION_AUDIO_BECOMING_NOISY))
        ShadowLooper.idleMainLooper()
    }

    @Test
    fun `songs want to be heard alone, other applications are only to be quieter`() {
        val wanted = mapOf(
            SourceKind.FILE to AudioManager.AUDIOFOCUS_GAIN,
            SourceKind.MICROPHONE to AudioManager.AUDIOFOCUS_GAIN,
            SourceKind.OTHER_APPS to AudioManager.AUDIOFOCUS_GAIN_TRANSIENT_MAY_DUCK,
        )
        for ((kind, gain) in wanted) {
            assertTrue(interruptions.begin(kind))
            assertEquals("$kind", gain, manager.lastAudioFocusRequest.audioFocusRequest.focusGain)
        }
    }

    @Test
    fun `what the system says is passed on`() {
        interruptions.begin(SourceKind.FILE)
        val listener = manager.lastAudioFocusRequest.listener
        for (change in listOf(
            AudioManager.AUDIOFOCUS_LOSS,
            AudioManager.AUDIOFOCUS_LOSS_TRANSIENT,
            AudioManager.AUDIOFOCUS_LOSS_TRANSIENT_CAN_DUCK,
            AudioManager.AUDIOFOCUS_GAIN,
        )) {
            listener.onAudioFocusChange(change)
        }
        val expected = listOf(Interruption.LOSS, Interruption.SHORT_LOSS, Interruption.DUCK, Interruption.GAIN)
        assertEquals(expected, told)
    }

    @Test
    fun `headphones matter while something plays`() {
        unplug()
        assertTrue(told.isEmpty())
        interruptions.begin(SourceKind.FILE)
        unplug()
        assertEquals(listOf(Interruption.NOISY), told)
        interruptions.end()
        assertNotNull(manager.lastAbandonedAudioFocusRequest)
        unplug()
        assertEquals(1, told.size)
    }

    @Test
    fun `a refusal is a refusal`() {
        manager.setNextFocusRequestResponse(AudioManager.AUDIOFOCUS_REQUEST_FAILED)
        assertFalse(interruptions.begin(SourceKind.FILE))
        interruptions.end()
    }
}
