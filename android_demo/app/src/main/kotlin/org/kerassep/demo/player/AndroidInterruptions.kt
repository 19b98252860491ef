package org.kerassep.demo.player

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.media.AudioFocusRequest
import android.media.AudioManager
import androidx.core.content.ContextCompat
import org.kerassep.demo.audio.SourceKind
import org.kerassep.demo.audio.TrackSink
import org.kerassep.demo.systemService

/** Audio focus, and the warning that headphones were pulled out. */
class AndroidInterruptions(private val context: Context) : Interruptions {
    override var listener: (Interruption) -> Unit = {}

    private val manager = context.systemService<AudioManager>()
    private var request: AudioFocusRequest? = null

    private val receiver = object : BroadcastReceiver() {
        override fun onReceive(context: Context, intent: Intent) {
            if (intent.action == AudioManager.ACTION_AUDIO_BECOMING_NOISY) listener(Interruption.NOISY)
        }
    }

    override fun begin(kind: SourceKind): Boolean {
        end()
        val wanted = AudioFocusRequest.Builder(gain(kind))
            .setAudioAttributes(TrackSink.attributes())
            .setOnAudioFocusChangeListener(::onChange)
            .build()
        if (manager.requestAudioFocus(wanted) != AudioManager.AUDIOFOCUS_REQUEST_GRANTED) return false
        request = wanted
        val noisy = IntentFilter(AudioManager.ACTION_AUDIO_BECOMING_NOISY)
        ContextCompat.registerReceiver(context, receiver, noisy, ContextCompat.RECEIVER_NOT_EXPORTED)
        return true
    }

    override fun end() {
        val granted = request ?: return
        request = null
        manager.abandonAudioFocusRequest(granted)
        context.unregisterReceiver(receiver)
    }

    /** Other applications that we hear are to go on, more quietly; what the capture gets is not lowered by that. */
    private fun gain(kind: SourceKind) =
        if (kind == SourceKind.OTHER_APPS) {
            AudioManager.AUDIOFOCUS_GAIN_TRANSIENT_MAY_DUCK
        } else {
            AudioManager.AUDIOFOCUS_GAIN
        }

    private fun onChange(change: Int) {
        when (change) {
            AudioManager.AUDIOFOCUS_LOSS -> listener(Interruption.LOSS)
            AudioManager.AUDIOFOCUS_LOSS_TRANSIENT -> listener(Interruption.SHORT_LOSS)
            AudioManager.AUDIOFOCUS_LOSS_TRANSIENT_CAN_DUCK -> listener(Interruption.DUCK)
            AudioManager.AUDIOFOCUS_GAIN -> listener(Interruption.GAIN)
        }
    }
}
