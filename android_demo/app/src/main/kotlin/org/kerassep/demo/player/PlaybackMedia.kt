package org.kerassep.demo.player

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.content.Context
import android.content.Intent
import android.graphics.drawable.Icon
import android.media.MediaMetadata
import android.media.session.MediaSession
import android.media.session.PlaybackState
import android.os.Build
import org.kerassep.demo.MainActivity
import org.kerassep.demo.R
import org.kerassep.demo.audio.SourceKind
import org.kerassep.demo.systemService
import org.kerassep.demo.ui.nameOf

/** The player outside of the application: its notification, lock screen, headphone buttons. */
class PlaybackMedia(private val context: Context, private val player: Player) : AutoCloseable {
    private val notifications = context.systemService<NotificationManager>()
    private val session = MediaSession(context, "keras_sep")

    init {
        val name = context.getString(R.string.channel)
        notifications.createNotificationChannel(
            NotificationChannel(CHANNEL, name, NotificationManager.IMPORTANCE_LOW),
        )
        session.setCallback(
            object : MediaSession.Callback() {
                override fun onPlay() = player.play()

                override fun onPause() = player.pause()

                override fun onStop() = player.stop()

                override fun onSeekTo(pos: Long) = player.seek(pos)

                override fun onCustomAction(action: String, extras: android.os.Bundle?) {
                    if (action == PlaybackService.STOP) player.stop()
                }
            },
        )
        session.isActive = true
    }

    fun show(state: PlayerState, positionMs: Long) {
        if (state.phase == Phase.EMPTY) return
        session.setMetadata(
            MediaMetadata.Builder()
                .putString(MediaMetadata.METADATA_KEY_TITLE, title(state))
                .putLong(MediaMetadata.METADATA_KEY_DURATION, state.durationMs ?: UNKNOWN)
                .build(),
        )
        session.setPlaybackState(playback(state, positionMs))
        notifications.notify(NOTIFICATION, notification(state))
    }

    fun notification(state: PlayerState): Notification {
        val builder = Notification.Builder(context, CHANNEL)
            .setSmallIcon(R.drawable.ic_notification)
            .setContentTitle(title(state))
            .setContentText(context.getString(R.string.app_name))
            .setContentIntent(openApplication())
            .setDeleteIntent(action(PlaybackService.STOP))
            .setVisibility(Notification.VISIBILITY_PUBLIC)
            .setCategory(Notification.CATEGORY_TRANSPORT)
            .setOnlyAlertOnce(true)
            .setShowWhen(false)
            .setStyle(
                Notification.MediaStyle().setMediaSession(session.sessionToken).setShowActionsInCompactView(0, 1),
            )
        if (state.phase == Phase.PLAYING) {
            builder.addAction(button(R.drawable.ic_pause, R.string.pause, PlaybackService.PAUSE))
        } else {
            builder.addAction(button(R.drawable.ic_play, R.string.play, PlaybackService.PLAY))
        }
        builder.addAction(button(R.drawable.ic_stop, R.string.stop, PlaybackService.STOP))
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
            builder.setForegroundServiceBehavior(Notification.FOREGROUND_SERVICE_IMMEDIATE)
        }
        return builder.build()
    }

    override fun close() = session.release()

    private fun playback(state: PlayerState, positionMs: Long): PlaybackState {
        val playing = state.phase == Phase.PLAYING
        val now = when (state.phase) {
            Phase.PLAYING -> PlaybackState.STATE_PLAYING
            Phase.LOADING -> PlaybackState.STATE_BUFFERING
            Phase.PAUSED, Phase.ENDED -> PlaybackState.STATE_PAUSED
            Phase.EMPTY -> PlaybackState.STATE_NONE
        }
        val transport = PlaybackState.ACTION_PLAY or PlaybackState.ACTION_PAUSE or
            PlaybackState.ACTION_PLAY_PAUSE or PlaybackState.ACTION_STOP
        val seeking = if (state.source == SourceKind.FILE) PlaybackState.ACTION_SEEK_TO else 0
        return PlaybackState.Builder()
            .setState(now, if (state.durationMs == null) UNKNOWN else positionMs, if (playing) 1f else 0f)
            .setActions(transport or seeking)
            .addCustomAction(PlaybackService.STOP, context.getString(R.string.stop), R.drawable.ic_stop)
            .build()
    }

    private fun title(state: PlayerState): String =
        state.title ?: state.source?.let { context.getString(nameOf(it)) } ?: context.getString(R.string.app_name)

    private fun button(icon: Int, label: Int, name: String) =
        Notification.Action.Builder(Icon.createWithResource(context, icon), context.getString(label), action(name))
            .build()

    private fun action(name: String): PendingIntent =
        PendingIntent.getService(context, 0, PlaybackService.intent(context, name), PendingIntent.FLAG_IMMUTABLE)

    private fun openApplication(): PendingIntent {
        val intent = Intent(context, MainActivity::class.java).addFlags(Intent.FLAG_ACTIVITY_SINGLE_TOP)
        return PendingIntent.getActivity(context, 0, intent, PendingIntent.FLAG_IMMUTABLE)
    }

    companion object {
        const val NOTIFICATION = 1
        private const val CHANNEL = "playback"
        private const val UNKNOWN = -1L
    }
}
