package org.kerassep.demo.audio

import android.annotation.SuppressLint
import android.media.AudioAttributes
import android.media.AudioFormat
import android.media.AudioPlaybackCaptureConfiguration
import android.media.AudioRecord
import android.media.projection.MediaProjection
import android.media.projection.MediaProjectionManager
import android.os.Build
import android.os.Handler
import android.os.Looper
import android.os.Process
import androidx.annotation.RequiresApi

/**
 * Hears what other applications play, as far as they allow it; never ourselves, or it would howl.
 *
 * The consent is for a projection of the screen, because Android has no other; no picture is ever taken. A foreground
 * service of the type mediaProjection must run before this is called, and since Android 14 a consent is good for once.
 */
@RequiresApi(Build.VERSION_CODES.Q)
class PlaybackCapture(private val projections: MediaProjectionManager) {
    /** @throws AudioException the consent is used up, or the device gives no record. */
    fun open(consent: ProjectionConsent, sampleRate: Int): AudioSource {
        val projection = orRefuse { projections.getMediaProjection(consent.resultCode, consent.data) }
            ?: refuse("no projection")
        try {
            val source = RecordSource(record(projection, sampleRate), Problem.CAPTURE_ENDED, projection::stop)
            projection.registerCallback(
                object : MediaProjection.Callback() {
                    override fun onStop() = source.end()
                },
                Handler(Looper.getMainLooper()),
            )
            return source
        } catch (error: AudioException) {
            projection.stop()
            throw error
        }
    }

    @SuppressLint("MissingPermission") // asked for before; a refusal is a SecurityException
    private fun record(projection: MediaProjection, sampleRate: Int): AudioRecord {
        val configuration = AudioPlaybackCaptureConfiguration.Builder(projection)
            .addMatchingUsage(AudioAttributes.USAGE_MEDIA)
            .addMatchingUsage(AudioAttributes.USAGE_GAME)
            .addMatchingUsage(AudioAttributes.USAGE_UNKNOWN)
            .excludeUid(Process.myUid())
            .build()
        val mask = AudioFormat.CHANNEL_IN_STEREO
        return orRefuse {
            AudioRecord.Builder()
                .setAudioPlaybackCaptureConfig(configuration)
                .setAudioFormat(RecordSource.format(sampleRate, mask))
                .setBufferSizeInBytes(RecordSource.bufferBytes(sampleRate, mask, numChannels = 2))
                .build()
        }
    }

    private inline fun <T> orRefuse(call: () -> T): T =
        try {
            call()
        } catch (error: SecurityException) {
            refuse("${error.message}")
        } catch (error: IllegalStateException) {
            refuse("${error.message}")
        } catch (error: UnsupportedOperationException) {
            refuse("${error.message}")
        }

    private fun refuse(received: String): Nothing =
        throw AudioException(Problem.CAPTURE_UNAVAILABLE, "expected a playback capture. Received: $received")
}
