package org.kerassep.demo.audio

import android.media.AudioFormat
import android.media.MediaCodec
import android.media.MediaExtractor
import android.media.MediaFormat
import java.io.IOException
import java.nio.ByteBuffer

/**
 * The first audio track of a file, decoded by the system's codecs.
 *
 * What a codec gives is known with its first output alone (HE-AAC doubles the rate that its container tells, and
 * float32 is a wish), so the first samples are decoded at once and kept.
 *
 * @param extractor with its file; released with this.
 * @throws AudioException no audio track, a protected one, or one that no codec of the device decodes.
 */
class MediaCodecDecoder(private val extractor: MediaExtractor, override val title: String?) : Decoder {
    private val track = selectTrack()
    private val codec = openCodec(track)
    private val info = MediaCodec.BufferInfo()
    private var encoding = PcmEncoding.SIGNED_16
    private var output: StreamFormat? = null
    private var inputDone = false
    private var outputDone = false
    private var kept = 0 // samples that were decoded when the file was opened
    private var target = NONE // sample that a seek went for; what comes before it is dropped
    override var samples = FloatArray(0)
        private set
    override val format: StreamFormat
    override val numSamples: Long?

    init {
        try {
            kept = decodeNext()
            format = output ?: refuse(Problem.FILE_UNSUPPORTED, "expected samples in the file. Received: none")
        } catch (error: Throwable) {
            codec.release()
            throw error
        }
        val micros = if (track.containsKey(MediaFormat.KEY_DURATION)) track.getLong(MediaFormat.KEY_DURATION) else 0
        numSamples = format.sampleAt(micros).takeIf { it > 0 }
    }

    override fun decode(): Int {
        val size = kept
        if (size == 0) return decodeNext()
        kept = 0
        return size
    }

    override fun seek(sample: Long) {
        extractor.seekTo(format.microsOf(sample), MediaExtractor.SEEK_TO_PREVIOUS_SYNC)
        codec.flush()
        kept = 0
        inputDone = false
        outputDone = false
        target = sample
    }

    override fun close() {
        codec.release()
        extractor.release()
    }

    private fun decodeNext(): Int {
        var tries = 0
        while (!outputDone) {
            feed()
            val index = codec.dequeueOutputBuffer(info, TIMEOUT_MICROS)
            if (index == MediaCodec.INFO_OUTPUT_FORMAT_CHANGED) {
                adopt(codec.outputFormat)
            } else if (index >= 0) {
                outputDone = info.flags and MediaCodec.BUFFER_FLAG_END_OF_STREAM != 0
                val size = codec.getOutputBuffer(index)?.let(::take) ?: 0
                codec.releaseOutputBuffer(index, false)
                if (size > 0) return size
            } else if (++tries > MAX_TRIES) {
                refuse(Problem.FILE_UNREADABLE, "expected samples from ${codec.name}. Received: none for seconds")
            }
        }
        return AudioSource.END
    }

    /** Gives the codec what it has room for. */
    private fun feed() {
        while (!inputDone) {
            val index = codec.dequeueInputBuffer(0)
            if (index < 0) return
            val size = codec.getInputBuffer(index)?.let { extractor.readSampleData(it, 0) } ?: -1
            if (size < 0) {
                codec.queueInputBuffer(index, 0, 0, 0, MediaCodec.BUFFER_FLAG_END_OF_STREAM)
                inputDone = true
            } else {
                if (extractor.sampleFlags and MediaExtractor.SAMPLE_FLAG_ENCRYPTED != 0) {
                    refuse(Problem.FILE_PROTECTED, "expected a file without protection. Received: encrypted samples")
                }
                codec.queueInputBuffer(index, 0, size, extractor.sampleTime, 0)
                extractor.advance()
            }
        }
    }

    /** Converts a buffer of the codec's into [samples], without what a seek skips; returns how many. */
    private fun take(buffer: ByteBuffer): Int {
        val now = output ?: adopt(codec.outputFormat)
        val size = info.size / (now.numChannels * encoding.bytes)
        val skipped = if (target == NONE) 0 else skipped(size, now)
        val count = (size - skipped) * now.numChannels
        if (samples.size < count) samples = FloatArray(count)
        encoding.convert(buffer, info.offset + skipped * now.numChannels * encoding.bytes, count, samples)
        return size - skipped
    }

    private fun skipped(size: Int, now: StreamFormat): Int {
        val skipped = (target - now.sampleAt(info.presentationTimeUs)).coerceIn(0, size.toLong()).toInt()
        if (skipped < size) target = NONE
        return skipped
    }

    private fun adopt(found: MediaFormat): StreamFormat {
        val now = StreamFormat(
            found.getInteger(MediaFormat.KEY_SAMPLE_RATE),
            found.getInteger(MediaFormat.KEY_CHANNEL_COUNT),
        )
        val before = output
        if (before != null && before != now) {
            refuse(Problem.FILE_UNSUPPORTED, "expected $before to the end of the file. Received: $now")
        }
        output = now
        encoding = if (found.containsKey(MediaFormat.KEY_PCM_ENCODING)) {
            encodingOf(found.getInteger(MediaFormat.KEY_PCM_ENCODING))
        } else {
            PcmEncoding.SIGNED_16
        }
        return now
    }

    private fun selectTrack(): MediaFormat {
        if (extractor.drmInitData != null) {
            refuse(Problem.FILE_PROTECTED, "expected a file without protection. Received: a protected one")
        }
        for (index in 0 until extractor.trackCount) {
            val format = extractor.getTrackFormat(index)
            if (format.getString(MediaFormat.KEY_MIME).orEmpty().startsWith("audio/")) {
                extractor.selectTrack(index)
                return format
            }
        }
        refuse(Problem.FILE_UNSUPPORTED, "expected an audio track. Received: ${extractor.trackCount} other tracks")
    }

    private companion object {
        const val NONE = -1L
        const val TIMEOUT_MICROS = 10_000L
        const val MAX_TRIES = 500 // 5 s

        fun openCodec(format: MediaFormat): MediaCodec {
            val mime = format.getString(MediaFormat.KEY_MIME).orEmpty()
            if (mime != MediaFormat.MIMETYPE_AUDIO_RAW) { // there it is what the file holds, elsewhere a wish
                format.setInteger(MediaFormat.KEY_PCM_ENCODING, AudioFormat.ENCODING_PCM_FLOAT)
            }
            return try {
                val codec = MediaCodec.createDecoderByType(mime)
                try {
                    codec.configure(format, null, null, 0)
                    codec.start()
                    codec
                } catch (error: RuntimeException) {
                    codec.release()
                    throw error
                }
            } catch (error: IOException) {
                refuse(Problem.FILE_UNSUPPORTED, "expected a codec for $mime. Received: ${error.message}")
            } catch (error: RuntimeException) { // IllegalArgumentException, CodecException
                refuse(Problem.FILE_UNSUPPORTED, "expected a codec for $mime. Received: ${error.message}")
            }
        }

        fun encodingOf(value: Int): PcmEncoding = when (value) {
            AudioFormat.ENCODING_PCM_8BIT -> PcmEncoding.UNSIGNED_8
            AudioFormat.ENCODING_PCM_16BIT -> PcmEncoding.SIGNED_16
            AudioFormat.ENCODING_PCM_FLOAT -> PcmEncoding.FLOAT
            AudioFormat.ENCODING_PCM_24BIT_PACKED -> PcmEncoding.SIGNED_24
            AudioFormat.ENCODING_PCM_32BIT -> PcmEncoding.SIGNED_32
            else -> refuse(Problem.FILE_UNSUPPORTED, "expected samples of 8 to 32 bits. Received: encoding $value")
        }

        fun refuse(problem: Problem, message: String): Nothing = throw AudioException(problem, message)
    }
}
