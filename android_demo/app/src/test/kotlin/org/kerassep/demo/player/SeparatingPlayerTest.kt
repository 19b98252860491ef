package org.kerassep.demo.player

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.test.StandardTestDispatcher
import kotlinx.coroutines.test.TestCoroutineScheduler
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.kerassep.demo.audio.AudioException
import org.kerassep.demo.audio.CaptureConsent
import org.kerassep.demo.audio.Mix
import org.kerassep.demo.audio.Problem
import org.kerassep.demo.audio.SourceKind
import org.kerassep.demo.audio.SourceRequest
import org.kerassep.demo.fakes.FakeCatalogue
import org.kerassep.demo.fakes.FakeDevices
import org.kerassep.demo.fakes.FakeForeground
import org.kerassep.demo.fakes.FakeInterruptions
import org.kerassep.demo.fakes.FakeSettings
import org.kerassep.demo.fakes.FakeSink
import org.kerassep.demo.fakes.FakeSource
import org.kerassep.demo.fakes.Hook
import org.kerassep.demo.fakes.noise

@OptIn(ExperimentalCoroutinesApi::class)
class SeparatingPlayerTest {
    private val log = ArrayList<String>()
    private val devices = FakeDevices(log)
    private var catalogue = FakeCatalogue()
    private val interruptions = FakeInterruptions()
    private val foreground = FakeForeground(log)
    private val settings = FakeSettings()
    private val scheduler = TestCoroutineScheduler()
    private val player by lazy {
        val opener = SessionOpener(devices, catalogue) { name, _, body -> Thread(body, name).apply { start() } }
        val (confined, io) = List(2) { StandardTestDispatcher(scheduler) }
        SeparatingPlayer(opener, catalogue, interruptions, foreground, settings, confined, io)
    }
    private val state get() = player.state.value

    @After
    fun stop() {
        player.stop()
        settle()
        assertTrue("every source is closed", devices.sources.all { it.closed })
        assertTrue("every sink is closed", devices.sinks.all { it.closed })
        assertTrue("every model is closed", catalogue.opened.all { it.closed })
    }

    /** All that was asked for is done. */
    private fun settle() = scheduler.advanceUntilIdle()

    /** The audio thread has its own pace. */
    private fun waitFor(condition: () -> Boolean) {
        val deadline = System.nanoTime() + 10_000_000_000
        while (settle().let { !condition() }) {
            assertTrue("waited in vain, in $state", System.nanoTime() < deadline)
            Thread.sleep(1)
        }
    }

    /** A song that does not end while the test runs. */
    private fun endless(request: SourceRequest) = FakeSource(
        noise(2000), live = request.kind.live, beforeRead = { Thread.sleep(1) }, sizes = listOf(1),
    )

    private fun play(request: SourceRequest = SourceRequest.Example) {
        devices.nextSource = ::endless
        player.open(request)
        settle()
        assertEquals(Phase.PLAYING, state.phase)
    }

    private object Consent : CaptureConsent

    @Test
    fun `the preferred model is chosen, or the one that was chosen before`() {
        player
        settle()
        assertEquals(FakeCatalogue.SMALL, state.model)
        assertEquals(listOf(FakeCatalogue.SMALL, FakeCatalogue.LARGE), state.models)
        val again = FakeSettings(Mix.VOICE, "large.tflite")
        val dispatcher = StandardTestDispatcher(scheduler)
        val opener = SessionOpener(devices, catalogue) { _, _, _ -> error("no thread") }
        val other = SeparatingPlayer(opener, catalogue, interruptions, foreground, again, dispatcher, dispatcher)
        settle()
        assertEquals(FakeCatalogue.LARGE, other.state.value.model)
        assertEquals(Mix.VOICE, other.state.value.mix)
    }

    @Test
    fun `without models there is an error, and nothing opens`() {
        catalogue = FakeCatalogue(emptyList())
        player.open(SourceRequest.Example)
        settle()
        assertEquals(Problem.MODELS_MISSING, state.error?.problem)
        assertEquals(Phase.EMPTY, state.phase)
        assertFalse("source" in log)
    }

    @Test
    fun `opening goes by loading to playing, in the foreground first`() {
        devices.nextSource = ::endless
        val phases = ArrayList<Phase>()
        foreground.gate = CompletableDeferred()
        player.open(SourceRequest.File("content://song"))
        settle()
        phases += state.phase
        assertEquals(SourceKind.FILE, state.source)
        foreground.gate?.complete(Unit)
        settle()
        phases += state.phase
        assertEquals(listOf(Phase.LOADING, Phase.PLAYING), phases)
        assertEquals(listOf("enter FILE", "source", "sink"), log)
        assertEquals("A song", state.title)
        assertEquals(2000L * 1000 / 44100, state.durationMs)
        assertEquals(SourceKind.FILE, interruptions.heard)
    }

    @Test
    fun `a song plays to its end, and again from its beginning`() {
        player.open(SourceRequest.Example)
        waitFor { state.phase == Phase.ENDED }
        val sink = devices.sinks.single()
        val once = sink.numSamples
        assertEquals(2000 + FakeSink.CAPACITY, once)
        assertNull("others may be heard again", interruptions.heard)
        player.play()
        waitFor { state.phase == Phase.ENDED && sink.numSamples == 2 * once }
        assertEquals("seek 0", devices.sources.single().calls.single { it.startsWith("seek") })
    }

    @Test
    fun `play and pause`() {
        play()
        waitFor { "start" in devices.sources.single().calls }
        player.pause()
        settle()
        assertEquals(Phase.PAUSED, state.phase)
        assertNull("others may be loud again", interruptions.heard)
        waitFor { "pause" in devices.sources.single().calls }
        player.play()
        settle()
        assertEquals(Phase.PLAYING, state.phase)
    }

    @Test
    fun `seeking is in milliseconds, and stays within the song`() {
        play()
        player.seek(20)
        waitFor { "seek 882" in devices.sources.single().calls }
        player.seek(99_999)
        waitFor { devices.sources.single().calls.any { it == "seek 1984" } } // 45 ms, whole
        assertEquals("who shows the position learns of it", 2, state.numSeeks)
    }

    @Test
    fun `of two sources that are asked for the last one counts`() {
        foreground.gate = CompletableDeferred()
        devices.nextSource = ::endless
        player.open(SourceRequest.Example)
        settle()
        player.open(SourceRequest.Microphone)
        settle()
        foreground.gate?.complete(Unit)
        settle()
        assertEquals(SourceKind.MICROPHONE, state.source)
        assertEquals(Phase.PLAYING, state.phase)
        assertEquals("the first one was not opened any more", 1, devices.sources.size)
    }

    @Test
    fun `another source ends the one before`() {
        play()
        play(SourceRequest.Microphone)
        assertTrue(devices.sources[0].closed)
        assertFalse(devices.sources[1].closed)
        assertNull(state.durationMs)
    }

    @Test
    fun `stopping while it loads`() {
        foreground.gate = CompletableDeferred()
        player.open(SourceRequest.Example)
        settle()
        player.stop()
        foreground.gate?.complete(Unit)
        settle()
        assertEquals(Phase.EMPTY, state.phase)
        assertEquals(listOf("enter FILE", "leave"), log)
    }

    @Test
    fun `what does not open is told, and closed`() {
        for (problem in listOf(Problem.FILE_PROTECTED, Problem.MICROPHONE_UNAVAILABLE)) {
            devices.nextSource = { throw AudioException(problem, "no") }
            player.open(SourceRequest.Example)
            settle()
            assertEquals(PlayerError(problem, "no"), state.error)
            assertEquals(Phase.EMPTY, state.phase)
            assertEquals("leave", log.last())
        }
        player.dismissError()
        settle()
        assertNull(state.error)
        devices.nextSource = ::endless
        devices.sinkProblem = Problem.OUTPUT_UNAVAILABLE
        player.open(SourceRequest.Example)
        settle()
        assertEquals(Problem.OUTPUT_UNAVAILABLE, state.error?.problem)
        assertTrue("its source is closed again", devices.sources.single().closed)
    }

    @Test
    fun `a system that lets nothing run in the background is told`() {
        foreground.refuses = true
        player.open(SourceRequest.Microphone)
        settle()
        assertEquals(Problem.BACKGROUND_DENIED, state.error?.problem)
        assertFalse("source" in log)
    }

    @Test
    fun `without the audio focus nothing plays, and it can be tried again`() {
        interruptions.grants = false
        devices.nextSource = ::endless
        player.open(SourceRequest.Example)
        settle()
        assertEquals(Phase.PAUSED, state.phase)
        assertEquals(Problem.FOCUS_DENIED, state.error?.problem)
        interruptions.grants = true
        player.play()
        settle()
        assertEquals(Phase.PLAYING, state.phase)
    }

    @Test
    fun `interruptions`() {
        fun after(vararg what: Interruption): Phase {
            play()
            for (one in what) interruptions.listener(one)
            settle()
            return state.phase
        }
        assertEquals(Phase.PAUSED, after(Interruption.LOSS))
        assertEquals(Phase.PAUSED, after(Interruption.LOSS, Interruption.GAIN))
        assertEquals(Phase.PAUSED, after(Interruption.SHORT_LOSS))
        assertEquals(Phase.PLAYING, after(Interruption.SHORT_LOSS, Interruption.GAIN))
        assertEquals(Phase.PAUSED, after(Interruption.SHORT_LOSS, Interruption.LOSS, Interruption.GAIN))
        assertEquals(Phase.PAUSED, after(Interruption.NOISY))
        assertEquals(Phase.PAUSED, after(Interruption.SHORT_LOSS, Interruption.NOISY, Interruption.GAIN))
        assertEquals(Phase.PLAYING, after(Interruption.DUCK))
        assertEquals(0.2f, devices.sinks.last().volume)
        assertEquals(Phase.PLAYING, after(Interruption.DUCK, Interruption.GAIN))
        assertEquals(1f, devices.sinks.last().volume)
    }

    @Test
    fun `who pauses during an interruption is not overruled`() {
        play()
        interruptions.listener(Interruption.SHORT_LOSS)
        player.pause()
        interruptions.listener(Interruption.GAIN)
        settle()
        assertEquals(Phase.PAUSED, state.phase)
    }

    @Test
    fun `other applications that are heard do not stop us, pulled headphones do`() {
        play(SourceRequest.OtherApps(Consent))
        assertEquals(listOf("enter OTHER_APPS", "source", "sink"), log)
        for (what in listOf(Interruption.LOSS, Interruption.SHORT_LOSS, Interruption.DUCK)) interruptions.listener(what)
        settle()
        assertEquals(Phase.PLAYING, state.phase)
        assertEquals(1f, devices.sinks.single().volume)
        assertEquals("asked again, after the loss", 2, interruptions.numBegins)
        interruptions.listener(Interruption.NOISY)
        settle()
        assertEquals(Phase.PAUSED, state.phase)
        assertNull(interruptions.heard)
    }

    @Test
    fun `levels are remembered, and reach the mixer`() {
        player.mix(Mix.VOICE)
        play()
        player.mix(Mix(-6f, 3f))
        settle()
        assertEquals(Mix(-6f, 3f), settings.mix)
        assertEquals(Mix(-6f, 3f), state.mix)
    }

    @Test
    fun `another model takes over while it plays`() {
        play()
        player.choose("large.tflite")
        settle()
        assertEquals(FakeCatalogue.LARGE, state.model)
        assertEquals("large.tflite", settings.model)
        waitFor { catalogue.opened[0].closed }
        assertFalse(catalogue.opened[1].closed)
        assertFalse(state.modelLoading)
        assertEquals(Phase.PLAYING, state.phase)
    }

    @Test
    fun `a model that does not open leaves the one before`() {
        catalogue.broken += "large.tflite"
        play()
        player.choose("large.tflite")
        settle()
        assertEquals(FakeCatalogue.SMALL, state.model)
        assertEquals("small.tflite", settings.model)
        assertEquals(Problem.MODEL_REPLACED, state.error?.problem)
        assertEquals("it plays on", Phase.PLAYING, state.phase)
        assertFalse(state.modelLoading)
    }

    @Test
    fun `where the chosen model does not run, the next one does, and it is said`() {
        catalogue.broken += "small.tflite"
        play()
        assertEquals(FakeCatalogue.LARGE, state.model)
        assertEquals("large.tflite", settings.model)
        assertEquals(Problem.MODEL_REPLACED, state.error?.problem)
    }

    @Test
    fun `where none runs nothing plays`() {
        catalogue.broken += listOf("small.tflite", "large.tflite")
        player.open(SourceRequest.Example)
        settle()
        assertEquals(PlayerError(Problem.MODEL_UNUSABLE, "small.tflite: the .tflite file is damaged"), state.error)
        assertEquals(Phase.EMPTY, state.phase)
    }

    @Test
    fun `a model that fails while another one is chosen leaves the one in use`() {
        play()
        catalogue.broken += "large.tflite"
        player.choose("large.tflite")
        player.choose("small.tflite")
        settle()
        assertEquals(FakeCatalogue.SMALL, state.model)
        assertNull("nobody wants to know", state.error)
        assertFalse(state.modelLoading)
    }

    @Test
    fun `a step that fails is the model's fault`() {
        play()
        catalogue.failing += "small.tflite"
        waitFor { state.error != null }
        assertEquals(Problem.MODEL_UNUSABLE, state.error?.problem)
        assertEquals(Phase.EMPTY, state.phase)
    }

    @Test
    fun `a source that is asked for right after the stop keeps the service`() {
        play()
        player.stop()
        player.open(SourceRequest.Microphone)
        settle()
        assertEquals(Phase.PLAYING, state.phase)
        assertFalse("leave" in log.dropWhile { it != "enter MICROPHONE" })
    }

    @Test
    fun `a source that goes away is told`() {
        devices.nextSource = { request ->
            FakeSource(noise(2000), live = request.kind.live, sizes = listOf(100), beforeRead = {
                if (it == 5) throw AudioException(Problem.CAPTURE_ENDED, "ended by the system")
            })
        }
        player.open(SourceRequest.OtherApps(Consent))
        waitFor { state.error != null }
        assertEquals(Problem.CAPTURE_ENDED, state.error?.problem)
        assertEquals(Phase.EMPTY, state.phase)
        assertEquals("leave", log.last())
    }

    @Test
    fun `an output that is lost is opened again where it was, but not for ever`() {
        val lost = Hook { written ->
            if (written >= 700) throw AudioException(Problem.OUTPUT_LOST, "AudioTrack: expected to write. Received: -6")
        }
        devices.nextSink = { FakeSink(beforeWrite = lost) }
        devices.nextSource = { FakeSource(noise(44100), sizes = listOf(100)) }
        player.open(SourceRequest.Example)
        waitFor { state.error != null }
        assertEquals(Problem.OUTPUT_LOST, state.error?.problem)
        assertEquals("once again", 2, devices.sinks.size)
        assertTrue(devices.sources[1].calls.any { it.startsWith("seek ") })
    }

    @Test
    fun `there are meters while something is open`() {
        play(SourceRequest.Microphone)
        waitFor { (meters()?.p50Ms ?: 0f) > 0f }
        val latency = checkNotNull(meters()).latency
        assertEquals(5.0, latency.inputDeviceMs, 0.0)
        assertEquals(10.0, latency.outputDeviceMs, 0.0)
        assertEquals(1000.0 * 64 / 44100, latency.algorithmMs, 1e-6)
        player.stop()
        settle()
        assertNull(meters())
    }

    private fun meters(): Meters? {
        val meters = CoroutineScope(StandardTestDispatcher(scheduler)).async { player.meters() }
        settle()
        return meters.getCompleted()
    }
}
