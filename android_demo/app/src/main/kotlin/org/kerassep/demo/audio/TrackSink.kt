package org.kerassep.demo.audio

import android.media.AudioAttributes
import android.media.AudioFormat
import android.media.AudioTimestamp
import android.media.AudioTrack

/**
 * An AudioTrack at the device's own rate, in float32, on its fast path.
 *
 * Its buffer holds a few steps of the network, which come 11.6 ms apart. Live, it is filled less than full: [cushion].
 */
class TrackSink private constructor(
    private val track: AudioTrack,
    override val format: StreamFormat,
    private val burst: Int,
    live: Boolean,
) : AudioSink {
    override val capacity = track.bufferCapacityInFrames

    @Volatile
    override var cushion = if (live) limit(LIVE_BURSTS * burst) else capacity
        private set

    private val timestamp = AudioTimestamp()

    @Volatile
    private var written = 0L // since the last flush, as the track counts

    override val pending: Int
        get() = (written - played()).toInt().coerceIn(0, capacity)

    override val deviceLatencyMs: Double
        get() = synchronized(timestamp) {
            if (!track.getTimestamp(timestamp)) return 0.0
            val since = System.nanoTime() - timestamp.nanoTime
            val heard = timestamp.framePosition + since * format.sampleRate / NANOS_PER_SECOND
            maxOf(0.0, 1000.0 * (played() - heard) / format.sampleRate)
        }

    override val underruns get() = track.underrunCount

    override var volume = 1f
        set(value) {
            field = value
            track.setVolume(value)
        }

    override fun play() = track.play()

    override fun pause() = track.pause()

    override fun flush() {
        track.flush()
        written = 0
    }

    override fun widen() {
        cushion = limit(minOf(cushion + burst, capacity))
    }

    override fun write(from: FloatArray, offset: Int, numSamples: Int) {
        var done = 0
        while (done < numSamples) {
            val size = write(from, offset + done, numSamples - done, AudioTrack.WRITE_BLOCKING)
            // A track that plays takes some; one that does not would let us wait for ever.
            if (size == 0) throw AudioException(Problem.OUTPUT_LOST, "AudioTrack: expected to write. Received: 0")
            done += size
        }
    }

    override fun offer(from: FloatArray, offset: Int, numSamples: Int): Int =
        write(from, offset, numSamples, AudioTrack.WRITE_NON_BLOCKING)

    override fun close() = track.release()

    private fun write(from: FloatArray, offset: Int, numSamples: Int, mode: Int): Int {
        val channels = format.numChannels
        val floats = track.write(from, offset * channels, numSamples * channels, mode)
        if (floats < 0) throw AudioException(Problem.OUTPUT_LOST, "AudioTrack: expected to write. Received: $floats")
        val size = floats / channels
        written += size
        return size
    }

    private fun played(): Long = track.playbackHeadPosition.toLong() and 0xFFFFFFFFL // it counts without a sign

    /** What the track starts to play at, too. */
    private fun limit(numSamples: Int): Int {
        val size = track.setBufferSizeInFrames(numSamples)
        return if (size > 0) size else numSamples
    }

    companion object {
        private const val CHANNELS = 2
        private const val LIVE_BURSTS = 4
        private const val MIN_MS = 100 // of the buffer: of a song, what a slow step may take
        private const val NANOS_PER_SECOND = 1_000_000_000L

        /** @throws AudioException the device gives no track. */
        fun open(native: NativeAudio, live: Boolean): TrackSink {
            val rate = native.sampleRate
            val burst = native.burstSamples
            val encoding = AudioFormat.ENCODING_PCM_FLOAT
            val mask = AudioFormat.CHANNEL_OUT_STEREO
            val frameBytes = CHANNELS * Float.SIZE_BYTES
            val wanted = (rate * MIN_MS / 1000 + burst - 1) / burst * burst * frameBytes
            try {
                val track = AudioTrack.Builder()
                    .setAudioAttributes(attributes())
                    .setAudioFormat(
                        AudioFormat.Builder().setEncoding(encoding).setSampleRate(rate).setChannelMask(mask).build(),
                    )
                    .setPerformanceMode(AudioTrack.PERFORMANCE_MODE_LOW_LATENCY)
                    .setTransferMode(AudioTrack.MODE_STREAM)
                    .setBufferSizeInBytes(maxOf(wanted, AudioTrack.getMinBufferSize(rate, mask, encoding)))
                    .build()
                if (track.state == AudioTrack.STATE_INITIALIZED) {
                    return TrackSink(track, StreamFormat(rate, CHANNELS), burst, live)
                }
                track.release()
            } catch (error: UnsupportedOperationException) {
                refuse("${error.message}")
            } catch (error: IllegalArgumentException) {
                refuse("${error.message}")
            }
            refuse("one that is not initialised")
        }

        fun attributes(): AudioAttributes = AudioAttributes.Builder()
            .setUsage(AudioAttributes.USAGE_MEDIA)
            .setContentType(AudioAttributes.CONTENT_TYPE_MUSIC)
            .build()

        private fun refuse(received: String): Nothing =
            throw AudioException(Problem.OUTPUT_UNAVAILABLE, "expected an AudioTrack. Received: $received")
    }
}
