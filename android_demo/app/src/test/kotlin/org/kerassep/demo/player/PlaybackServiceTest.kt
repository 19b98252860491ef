package org.kerassep.demo.player

import android.app.Notification
import android.app.NotificationManager
import android.content.pm.ServiceInfo
import androidx.test.core.app.ApplicationProvider
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.kerassep.demo.TestApplication
import org.kerassep.demo.audio.SourceKind
import org.kerassep.demo.systemService
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ServiceController
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowLooper

@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], application = TestApplication::class)
class PlaybackServiceTest {
    private val application get() = ApplicationProvider.getApplicationContext<TestApplication>()
    private val player get() = application.player
    private val notifications get() = shadowOf(application.systemService<NotificationManager>())

    private fun enter(kind: SourceKind): ServiceController<PlaybackService> {
        player.state.value = player.state.value.copy(phase = Phase.PLAYING, source = kind, title = "A song")
        val service = Robolectric.buildService(PlaybackService::class.java, PlaybackService.enter(application, kind))
        service.create().startCommand(0, 1)
        ShadowLooper.idleMainLooper()
        return service
    }

    private fun shown(): Notification = checkNotNull(notifications.getNotification(PlaybackMedia.NOTIFICATION))

    private fun actions(): List<String> = shown().actions.map { "${it.title}" }

    @Test
    fun `it runs in the foreground as what it plays needs`() {
        val playback = ServiceInfo.FOREGROUND_SERVICE_TYPE_MEDIA_PLAYBACK
        val expected = mapOf(
            SourceKind.FILE to playback,
            SourceKind.MICROPHONE to (playback or ServiceInfo.FOREGROUND_SERVICE_TYPE_MICROPHONE),
            SourceKind.OTHER_APPS to (playback or ServiceInfo.FOREGROUND_SERVICE_TYPE_MEDIA_PROJECTION),
        )
        for ((kind, type) in expected) {
            val service = enter(kind).get()
            assertNotNull(shadowOf(service).lastForegroundNotification)
            assertEquals("$kind", type, service.foregroundServiceType)
        }
    }

    @Test
    fun `its notification follows the player`() {
        enter(SourceKind.FILE)
        assertEquals("A song", shown().extras.getString(Notification.EXTRA_TITLE))
        assertEquals(listOf("Pause", "Stop"), actions())
        player.state.value = player.state.value.copy(phase = Phase.PAUSED)
        ShadowLooper.idleMainLooper()
        assertEquals(listOf("Play", "Stop"), actions())
    }

    @Test
    fun `its buttons reach the player`() {
        val service = enter(SourceKind.FILE)
        for ((id, action) in listOf(PlaybackService.PAUSE, PlaybackService.PLAY, PlaybackService.STOP).withIndex()) {
            service.get().onStartCommand(PlaybackService.intent(application, action), 0, 2 + id)
        }
        assertEquals(listOf("pause", "play", "stop"), player.calls)
    }

    @Test
    fun `leaving takes the notification away`() {
        val service = enter(SourceKind.FILE)
        assertFalse(shadowOf(service.get()).isStoppedBySelf)
        service.get().leave()
        player.state.value = player.state.value.copy(phase = Phase.PAUSED)
        ShadowLooper.idleMainLooper()
        assertTrue(shadowOf(service.get()).isStoppedBySelf)
        assertTrue(shadowOf(service.get()).isForegroundStopped)
        assertEquals("nothing brings it back", 0, notifications.size())
        service.destroy()
    }

    @Test
    fun `the application that is swiped away stops what is paused alone`() {
        val service = enter(SourceKind.FILE)
        service.get().onTaskRemoved(null)
        assertTrue(player.calls.isEmpty())
        player.state.value = player.state.value.copy(phase = Phase.PAUSED)
        service.get().onTaskRemoved(null)
        assertEquals(listOf("stop"), player.calls)
    }
}
