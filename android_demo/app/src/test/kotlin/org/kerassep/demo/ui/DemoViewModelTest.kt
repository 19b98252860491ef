package org.kerassep.demo.ui

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.flow.launchIn
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.test.StandardTestDispatcher
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.resetMain
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.test.setMain
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.kerassep.core.Latency
import org.kerassep.demo.audio.CaptureConsent
import org.kerassep.demo.audio.Mix
import org.kerassep.demo.audio.SourceKind
import org.kerassep.demo.fakes.FakeCatalogue
import org.kerassep.demo.fakes.FakeDevice
import org.kerassep.demo.fakes.FakePlayer
import org.kerassep.demo.player.Meters
import org.kerassep.demo.player.Phase

@OptIn(ExperimentalCoroutinesApi::class)
class DemoViewModelTest {
    private val dispatcher = StandardTestDispatcher()
    private val player = FakePlayer()
    private val device = FakeDevice()
    private val effects = ArrayList<Effect>()
    private lateinit var model: DemoViewModel

    @Before
    fun setMain() = Dispatchers.setMain(dispatcher)

    @After
    fun resetMain() = Dispatchers.resetMain()

    private object Consent : CaptureConsent {
        override fun toString() = "consent"
    }

    /** The screen is there and looks. */
    private fun test(body: suspend TestScope.() -> Unit) = runTest(dispatcher) {
        model = DemoViewModel(player, FakeCatalogue(), device, dispatcher)
        model.state.launchIn(backgroundScope)
        model.effects.onEach(effects::add).launchIn(backgroundScope)
        runCurrent()
        body()
    }

    private fun meters(load: Float) =
        Meters(1234, 1f, 2f, 11.6f, load, Latency(0.0, 0.0, 0.0, 46.4, 0.0, 0.0), underruns = 0, overruns = 0)

    @Test
    fun `a file is picked, and played`() = test {
        model.pickFile()
        runCurrent()
        assertEquals(listOf<Effect>(Effect.PickFile), effects)
        model.onFilePicked(null)
        assertTrue("nothing was picked", player.calls.isEmpty())
        model.onFilePicked("content://song")
        assertEquals(listOf("open File(uri=content://song)"), player.calls)
    }

    @Test
    fun `the microphone asks for its permission first`() = test {
        device.missing = listOf(Permission.RECORD_AUDIO, Permission.NOTIFICATIONS)
        model.listen()
        runCurrent()
        assertEquals(listOf<Effect>(Effect.AskPermissions(device.missing)), effects)
        assertTrue(player.calls.isEmpty())
        device.missing = emptyList()
        model.onPermissions(before = false, after = false)
        assertEquals(listOf("open Microphone"), player.calls)
    }

    @Test
    fun `without the permission to notify it plays all the same, and does not ask twice`() = test {
        device.missing = listOf(Permission.NOTIFICATIONS)
        model.listen()
        model.onPermissions(before = false, after = false)
        model.listen()
        runCurrent()
        assertEquals(listOf("open Microphone", "open Microphone"), player.calls)
        assertEquals(1, effects.size)
    }

    @Test
    fun `a denied permission is explained, and can be asked for again`() = test {
        device.missing = listOf(Permission.RECORD_AUDIO)
        model.listen()
        model.onPermissions(before = false, after = true)
        runCurrent()
        assertEquals(Dialog.MicrophoneDenied(forever = false), model.state.value.dialog)
        model.confirm()
        runCurrent()
        assertEquals(2, effects.size)
        assertNull(model.state.value.dialog)
        assertTrue(player.calls.isEmpty())
    }

    @Test
    fun `a permission that is denied for good leads to the settings`() = test {
        device.missing = listOf(Permission.RECORD_AUDIO)
        model.listen()
        model.onPermissions(before = true, after = false)
        model.confirm()
        runCurrent()
        assertEquals(Effect.OpenSettings, effects.last())
    }

    @Test
    fun `a dialog that was only dismissed is not a refusal for good, a second silent one is`() = test {
        device.missing = listOf(Permission.RECORD_AUDIO)
        model.capture()
        model.onPermissions(before = false, after = false)
        runCurrent()
        assertEquals(Dialog.MicrophoneDenied(forever = false), model.state.value.dialog)
        model.confirm()
        model.onPermissions(before = false, after = false)
        runCurrent()
        assertEquals(Dialog.MicrophoneDenied(forever = true), model.state.value.dialog)
    }

    @Test
    fun `without headphones the microphone warns first`() = test {
        device.headphones.value = false
        runCurrent()
        model.listen()
        runCurrent()
        assertEquals(Dialog.HeadphonesAdvised, model.state.value.dialog)
        assertTrue(player.calls.isEmpty())
        model.dismiss()
        runCurrent()
        assertNull(model.state.value.dialog)
        assertTrue("who cancels hears nothing", player.calls.isEmpty())
        model.listen()
        model.confirm()
        assertEquals(listOf("open Microphone"), player.calls)
    }

    @Test
    fun `other applications are explained, consented to, and heard`() = test {
        model.capture()
        runCurrent()
        assertEquals(Dialog.CaptureExplained, model.state.value.dialog)
        assertTrue(effects.isEmpty())
        model.confirm()
        runCurrent()
        assertEquals(listOf<Effect>(Effect.AskCaptureConsent), effects)
        model.onCaptureConsent(null)
        assertTrue("refused", player.calls.isEmpty())
        model.onCaptureConsent(Consent)
        assertEquals(listOf("open OtherApps(consent=consent)"), player.calls)
    }

    @Test
    fun `play and pause are one button`() = test {
        model.playOrPause()
        player.state.value = player.state.value.copy(phase = Phase.PLAYING)
        model.playOrPause()
        model.seek(500)
        model.stop()
        assertEquals(listOf("play", "pause", "seek 500", "stop"), player.calls)
    }

    @Test
    fun `meters are read while something is open`() = test {
        player.meters = meters(load = 0.1f)
        advanceTimeBy(1000)
        assertNull(model.state.value.meters)
        player.state.value = player.state.value.copy(phase = Phase.PLAYING, source = SourceKind.FILE)
        runCurrent()
        assertEquals(1234L, model.state.value.meters?.positionMs)
        player.meters = meters(load = 0.2f)
        advanceTimeBy(201)
        assertEquals(0.2f, model.state.value.meters?.load)
        player.state.value = player.state.value.copy(phase = Phase.EMPTY, source = null)
        runCurrent()
        assertNull(model.state.value.meters)
    }

    @Test
    fun `a slow device is warned of, without flicker`() = test {
        player.state.value = player.state.value.copy(phase = Phase.PLAYING)
        fun slowAt(load: Float): Boolean {
            player.meters = meters(load)
            advanceTimeBy(201)
            return model.state.value.slow
        }
        assertFalse(slowAt(0.65f))
        assertTrue(slowAt(0.75f))
        assertTrue(slowAt(0.65f))
        assertFalse(slowAt(0.45f))
        assertFalse(slowAt(0.65f))
    }

    @Test
    fun `the licence of the chosen model is shown`() = test {
        model.showLicence()
        runCurrent()
        assertEquals(Dialog.Licence("Licence of small.tflite"), model.state.value.dialog)
        model.confirm()
        runCurrent()
        assertNull(model.state.value.dialog)
    }

    @Test
    fun `levels and models go to the player, and come back from it`() = test {
        model.mix(Mix.VOICE)
        model.choose("large.tflite")
        runCurrent()
        assertEquals(listOf("mix 0.0 -60.0 false", "choose large.tflite"), player.calls)
        assertEquals(Mix.VOICE, model.state.value.player.mix)
    }
}
