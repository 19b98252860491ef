package org.kerassep.demo.player

import android.app.Application
import android.content.Context
import androidx.test.core.app.ApplicationProvider
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Test
import org.junit.runner.RunWith
import org.kerassep.demo.audio.Mix
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], application = Application::class)
class PreferencesSettingsTest {
    private fun settings(): Settings {
        val context = ApplicationProvider.getApplicationContext<Application>()
        return PreferencesSettings(context.getSharedPreferences("settings", Context.MODE_PRIVATE))
    }

    @Test
    fun `the next start finds what this one left`() {
        assertEquals(Mix.KARAOKE, settings().mix)
        assertNull(settings().model)
        settings().mix = Mix(-12f, 3f, original = true)
        settings().model = "large.tflite"
        assertEquals("the comparison is for the moment", Mix(-12f, 3f, original = false), settings().mix)
        assertEquals("large.tflite", settings().model)
    }
}
