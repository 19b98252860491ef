package org.kerassep.demo.audio

import android.app.Application
import android.media.AudioFormat
import android.media.MediaExtractor
import android.media.MediaFormat
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowMediaCodec
import org.robolectric.shadows.ShadowMediaExtractor
import org.robolectric.shadows.util.DataSource
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** The decoder's bookkeeping, with a codec that only copies. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], application = Application::class)
class MediaCodecDecoderTest {
    private val pcm = ByteArray(4000) { (31 * it).toByte() }

    private fun decoder(
        mime: String = MIME,
        encoding: Int? = null,
        channels: Int = 2,
        prepare: MediaFormat.() -> Unit = {},
    ): MediaCodecDecoder {
        val format = MediaFormat.createAudioFormat(mime, 22050, channels)
        encoding?.let { format.setInteger(MediaFormat.KEY_PCM_ENCODING, it) }
        format.setLong(MediaFormat.KEY_DURATION, 2_000_000)
        format.prepare()
        ShadowMediaExtractor.addTrack(DataSource.toDataSource(PATH), format, pcm)
        ShadowMediaCodec.addDecoder(MIME, ShadowMediaCodec.CodecConfig(4096, 4096) { from, to -> to.put(from) })
        ShadowMediaCodec.addDecoder(
            MediaFormat.MIMETYPE_AUDIO_RAW, ShadowMediaCodec.CodecConfig(4096, 4096) { from, to -> to.put(from) },
        )
        return MediaCodecDecoder(MediaExtractor().apply { setDataSource(PATH) }, "A song")
    }

    private fun readAll(decoder: Decoder): FloatArray {
        var all = FloatArray(0)
        while (true) {
            val size = decoder.decode()
            if (size == AudioSource.END) return all
            all += decoder.samples.copyOf(size * decoder.format.numChannels)
        }
    }

    @Test
    fun `16 bits of a file come as they are`() {
        val decoder = decoder(MediaFormat.MIMETYPE_AUDIO_RAW, AudioFormat.ENCODING_PCM_16BIT)
        assertEquals(StreamFormat(22050, 2), decoder.format)
        assertEquals(44100L, decoder.numSamples)
        val numbers = ByteBuffer.wrap(pcm).order(ByteOrder.LITTLE_ENDIAN).asShortBuffer()
        assertArrayEquals(FloatArray(2000) { numbers[it] / 32768f }, readAll(decoder), 0f)
        decoder.close()
    }

    @Test
    fun `a codec that can is asked for float32`() {
        val decoder = decoder(channels = 1)
        val numbers = ByteBuffer.wrap(pcm).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
        assertArrayEquals(FloatArray(1000) { numbers[it] }, readAll(decoder), 0f)
    }

    @Test
    fun `a time that was cut to microseconds is the sample's all the same`() {
        for (rate in listOf(8000, 22050, 44100, 48000, 96000, 192000)) {
            val format = StreamFormat(rate, 2)
            for (sample in 0L..100_000L step 7) assertEquals(sample, format.sampleAt(format.microsOf(sample)))
        }
    }

    @Test
    fun `what cannot be decoded is told apart`() {
        val noAudio = assertThrows(AudioException::class.java) { decoder("video/avc") }
        assertEquals(Problem.FILE_UNSUPPORTED, noAudio.problem)
    }

    private companion object {
        const val MIME = "audio/test"
        const val PATH = "/song"
    }
}
