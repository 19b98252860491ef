package org.kerassep.demo.audio

import android.content.Context
import android.media.AudioManager
import android.media.projection.MediaProjectionManager
import android.os.Build
import org.kerassep.demo.systemService

/** The device's own sources and sinks. */
class AndroidDevices(private val context: Context) : AudioDevices {
    private val manager = context.systemService<AudioManager>()
    private val songs = SongFile(context)

    override fun openSource(request: SourceRequest): AudioSource = when (request) {
        SourceRequest.Example -> DecodedSource(songs.openExample(), AudioThreads)
        is SourceRequest.File -> DecodedSource(songs.open(request.uri), AudioThreads)
        SourceRequest.Microphone -> Microphone(manager).open(native().sampleRate)
        is SourceRequest.OtherApps -> capture(request.consent)
    }

    override fun openSink(live: Boolean): AudioSink = TrackSink.open(native(), live)

    private fun capture(consent: CaptureConsent): AudioSource {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q || consent !is ProjectionConsent) {
            val received = "Android API ${Build.VERSION.SDK_INT}"
            throw AudioException(Problem.CAPTURE_UNAVAILABLE, "expected Android 10 or newer. Received: $received")
        }
        val projections = context.systemService<MediaProjectionManager>()
        return PlaybackCapture(projections).open(consent, native().sampleRate)
    }

    /** Asked for each time: with other headphones it is another. */
    private fun native() = NativeAudio(manager)
}
