package org.kerassep.demo.player

import androidx.test.core.app.ApplicationProvider
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.launch
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.kerassep.demo.TestApplication
import org.kerassep.demo.audio.AudioException
import org.kerassep.demo.audio.Problem
import org.kerassep.demo.audio.SourceKind
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config

@OptIn(ExperimentalCoroutinesApi::class)
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], application = TestApplication::class)
class ServiceForegroundTest {
    private val application = ApplicationProvider.getApplicationContext<TestApplication>()
    private val foreground = application.graph.foreground
    private val scope = CoroutineScope(Dispatchers.Main.immediate)

    /** The system starts what was asked for. */
    private fun started(): PlaybackService {
        val service = Robolectric.buildService(PlaybackService::class.java, shadowOf(application).nextStartedService)
        return service.create().startCommand(0, 1).get()
    }

    private fun stopped(service: PlaybackService) = shadowOf(service).isStoppedBySelf

    @Test
    fun `entering waits until the service is there`() {
        val entering = scope.async { foreground.enter(SourceKind.FILE) }
        assertFalse(entering.isCompleted)
        val service = started()
        assertTrue(entering.isCompleted)
        scope.launch { foreground.leave() }
        assertTrue(stopped(service))
    }

    @Test
    fun `who leaves before the service is there leaves when it is`() {
        val entering = scope.async { foreground.enter(SourceKind.MICROPHONE) }
        scope.launch { foreground.leave() }
        assertFalse("the system does not forgive a service that never came", entering.isCompleted)
        assertTrue(stopped(started()))
    }

    @Test
    fun `who enters again stays`() {
        scope.launch { foreground.enter(SourceKind.FILE) }
        scope.launch { foreground.leave() }
        val again = scope.async { foreground.enter(SourceKind.MICROPHONE) }
        assertFalse(stopped(started()))
        assertTrue(again.isCompleted)
    }

    @Test
    fun `a refusal is told`() {
        val entering = scope.async { runCatching { foreground.enter(SourceKind.FILE) } }
        foreground.onRefused(SecurityException("no"))
        val error = entering.getCompleted().exceptionOrNull() as AudioException
        assertEquals(Problem.BACKGROUND_DENIED, error.problem)
    }
}
