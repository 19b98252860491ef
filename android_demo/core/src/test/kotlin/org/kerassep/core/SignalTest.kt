package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.CsvSource

class SignalTest {
    private val numFrames = Golden.stft.size / (SPEC.numBins * 2 * 2)

    @Test
    fun `the STFT is Python's`() {
        val stft = Stft(SPEC)
        val result = FloatArray(Golden.stft.size)
        for (frame in 0 until numFrames) {
            stft.push(step(Golden.mixture, frame, SPEC))
            for (bin in 0 until SPEC.numBins) for (channel in 0 until 2) {
                val place = 2 * (2 * (frame * SPEC.numBins + bin) + channel)
                result[place] = re(stft.spectrum[channel], bin)
                result[place + 1] = im(stft.spectrum[channel], bin)
            }
        }
        // Where a bin cancels to 1e-13 of the loudest, not even the order of two additions may differ.
        val difference = maxDifference(result, Golden.stft)
        assertTrue(difference <= 1e-12f) { "differs by $difference" }
    }

    @Test
    fun `overlap-add gives Python's samples`() {
        val overlapAdd = OverlapAdd(SPEC)
        val result = FloatArray(Golden.overlapAdd.size)
        val samples = FloatArray(SPEC.frameStep * 2)
        for (frame in 0 until numFrames) {
            val spectrum = Array(2) { channel ->
                FloatArray(SPEC.fftLength) {
                    val bin = (it + 1) / 2
                    val part = if (it == 0) 0 else (it + 1) % 2
                    Golden.stft[2 * (2 * (frame * SPEC.numBins + bin) + channel) + part]
                }
            }
            overlapAdd.push(spectrum, samples)
            samples.copyInto(result, frame * samples.size)
        }
        val difference = maxDifference(result, Golden.overlapAdd)
        assertTrue(difference <= TOLERANCE) { "differs by $difference" }
    }

    @ParameterizedTest
    @CsvSource("2048, 512, 2048, 2", "64, 16, 64, 1", "60, 20, 64, 3", "64, 4, 256, 2")
    fun `overlap-add is the inverse of the STFT`(frameLength: Int, frameStep: Int, fftLength: Int, numChannels: Int) {
        val spec = StreamSpec(44100, numChannels, frameLength, frameStep, fftLength, "hann", SPEC.sources)
        val stft = Stft(spec)
        val overlapAdd = OverlapAdd(spec)
        val numSteps = 20
        val x = noise(numSteps * frameStep * numChannels)
        val y = FloatArray(x.size)
        val samples = FloatArray(frameStep * numChannels)
        for (t in 0 until numSteps) {
            stft.push(step(x, t, spec))
            overlapAdd.push(stft.spectrum, samples)
            samples.copyInto(y, t * samples.size)
        }
        val late = (frameLength - frameStep) * numChannels
        assertEquals(0f, maxDifference(x.copyOf(x.size - late), y.copyOfRange(late, y.size)), TOLERANCE)
        assertEquals(0f, y.take(late).maxOf { kotlin.math.abs(it) }, TOLERANCE)
    }

    @Test
    fun `a reset forgets`() {
        val fresh = Stft(SMALL_SPEC)
        val used = Stft(SMALL_SPEC)
        repeat(5) { used.push(noise(32, seed = it)) }
        used.reset()
        for (t in 0 until 5) {
            for (stft in listOf(fresh, used)) stft.push(noise(32, seed = 10 + t))
            for (channel in 0 until 2) assertEquals(0f, maxDifference(fresh.spectrum[channel], used.spectrum[channel]))
        }
    }

    private fun step(x: FloatArray, t: Int, spec: StreamSpec): FloatArray {
        val size = spec.frameStep * spec.numChannels
        return x.copyOfRange(t * size, (t + 1) * size)
    }
}
