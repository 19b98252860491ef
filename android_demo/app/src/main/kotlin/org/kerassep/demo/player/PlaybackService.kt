package org.kerassep.demo.player

import android.app.Service
import android.content.Context
import android.content.Intent
import android.content.pm.ServiceInfo
import android.os.Build
import android.os.IBinder
import androidx.core.app.ServiceCompat
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.collectLatest
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.launch
import org.kerassep.demo.DemoApplication
import org.kerassep.demo.audio.SourceKind

/**
 * Keeps the application alive while it plays, and shows what it plays outside of it. The player itself is the
 * application's, so that the screen needs no binding to this service.
 */
class PlaybackService : Service() {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Main.immediate)
    private val graph get() = (application as DemoApplication).graph
    private val player get() = graph.player
    private lateinit var media: PlaybackMedia
    private var showing: Job? = null
    private var newestStart = 0

    override fun onBind(intent: Intent): IBinder? = null

    override fun onCreate() {
        super.onCreate()
        media = PlaybackMedia(this, player)
    }

    override fun onStartCommand(intent: Intent?, flags: Int, startId: Int): Int {
        newestStart = startId
        when (intent?.action) {
            ENTER -> enter(SourceKind.valueOf(checkNotNull(intent.getStringExtra(KIND))))
            PLAY -> player.play()
            PAUSE -> player.pause()
            STOP -> player.stop()
        }
        return START_NOT_STICKY
    }

    /** The application was swiped away: what plays goes on, what is paused does not wait for nobody. */
    override fun onTaskRemoved(rootIntent: Intent?) {
        if (player.state.value.phase != Phase.PLAYING) player.stop()
    }

    override fun onDestroy() {
        scope.cancel()
        media.close()
        graph.foreground.onGone(this)
        super.onDestroy()
    }

    /** Ends, unless it was asked to start again meanwhile. */
    fun leave() {
        showing?.cancel() // before the notification is taken away, or it might come back
        ServiceCompat.stopForeground(this, ServiceCompat.STOP_FOREGROUND_REMOVE)
        stopSelf(newestStart)
    }

    private fun enter(kind: SourceKind) {
        try {
            val notification = media.notification(player.state.value)
            ServiceCompat.startForeground(this, PlaybackMedia.NOTIFICATION, notification, typesOf(kind))
        } catch (error: IllegalStateException) { // from the background, since Android 12
            refused(error)
            return
        } catch (error: SecurityException) { // without what the type needs, since Android 14
            refused(error)
            return
        }
        if (showing?.isActive != true) {
            showing = scope.launch {
                player.state
                    .distinctUntilChanged { old, new -> old.copy(mix = new.mix, model = new.model) == new }
                    .collectLatest { media.show(it, player.meters()?.positionMs ?: 0) }
            }
        }
        graph.foreground.onEntered(this)
    }

    private fun refused(error: RuntimeException) {
        graph.foreground.onRefused(error)
        stopSelf(newestStart)
    }

    companion object {
        const val PLAY = "org.kerassep.demo.PLAY"
        const val PAUSE = "org.kerassep.demo.PAUSE"
        const val STOP = "org.kerassep.demo.STOP"
        private const val ENTER = "org.kerassep.demo.ENTER"
        private const val KIND = "kind"

        fun enter(context: Context, kind: SourceKind): Intent =
            intent(context, ENTER).putExtra(KIND, kind.name)

        fun intent(context: Context, action: String): Intent =
            Intent(context, PlaybackService::class.java).setAction(action)

        private fun typesOf(kind: SourceKind): Int {
            if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) return 0
            val playback = ServiceInfo.FOREGROUND_SERVICE_TYPE_MEDIA_PLAYBACK
            return when (kind) {
                SourceKind.FILE -> playback
                SourceKind.OTHER_APPS -> playback or ServiceInfo.FOREGROUND_SERVICE_TYPE_MEDIA_PROJECTION
                SourceKind.MICROPHONE ->
                    if (Build.VERSION.SDK_INT < Build.VERSION_CODES.R) {
                        playback
                    } else {
                        playback or ServiceInfo.FOREGROUND_SERVICE_TYPE_MICROPHONE
                    }
            }
        }
    }
}
