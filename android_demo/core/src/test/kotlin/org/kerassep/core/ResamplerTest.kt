package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.CsvSource
import org.junit.jupiter.params.provider.MethodSource
import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.cos
import kotlin.math.log10
import kotlin.math.sin

class ResamplerTest {
    @ParameterizedTest
    @MethodSource("resampling")
    fun `gives SciPy's samples, whatever the blocks`(golden: GoldenResampling) {
        val resampler = Resampler(golden.rateIn, golden.rateOut, 2)
        val numSamples = golden.input.size / 2
        val regular = Golden.blockSizes.map { blocks(numSamples, it) }
        val random = (1..3).map { randomBlocks(numSamples, most = 100 * it, seed = it) }
        for (way in regular + random) {
            val output = resampler.convert(golden.input, way)
            assertEquals(golden.output.size, output.size)
            val difference = maxDifference(golden.output, output)
            assertTrue(difference <= TOLERANCE) { "$golden: differs by $difference" }
        }
    }

    /** soxr has a kernel of its own, steeper at the edge of the band; below that, both leave the same of a song. */
    @ParameterizedTest
    @MethodSource("resampling")
    fun `agrees with soxr below the band's edge`(golden: GoldenResampling) {
        val resampler = Resampler(golden.rateIn, golden.rateOut, 2)
        val ours = spectrumBelow(0.84, golden, resampler.convert(golden.input, blocks(golden.input.size / 2, 512)))
        val soxrs = spectrumBelow(0.84, golden, golden.soxr)
        val snr = signalToNoiseDb(soxrs, ours)
        println("Resampler, $golden: %.0f dB over the difference to soxr, up to 0.84 of the band".format(snr))
        assertTrue(snr >= 75) { "$golden: $snr dB" }
    }

    /** Of the left channel's middle, what lies below [share] of half the lower rate. */
    private fun spectrumBelow(share: Double, golden: GoldenResampling, samples: FloatArray): FloatArray {
        val length = 4096
        val start = golden.output.size / 4 - length / 2
        val frame = FloatArray(length) {
            samples[2 * (start + it)] * (0.5 - 0.5 * cos(2 * PI * it / length)).toFloat()
        }
        Fft(length).forward(frame)
        val edge = share * minOf(golden.rateIn, golden.rateOut) / golden.rateOut
        return frame.copyOf((edge * length).toInt())
    }

    @Test
    fun `a sample late, or another kernel, is seen`() {
        val golden = Golden.resampling.first { it.rateIn == 44100 && it.rateOut == 48000 }
        val late = FloatArray(2) + golden.input.copyOf(golden.input.size - 2)
        val output = Resampler(44100, 48000, 2).convert(late, blocks(late.size / 2, 512))
        assertTrue(maxDifference(golden.output, output) > 1000 * TOLERANCE)
        val taps = ResamplingKernel.taps(160, 147)
        assertTrue(maxDifference(golden.output, resampled(golden.input, 160, 147, taps)) <= TOLERANCE)
        val wider = ResamplingKernel.taps(160, 147).also { it[it.size / 2] *= 1.01 }
        assertTrue(maxDifference(golden.output, resampled(golden.input, 160, 147, wider)) > 1000 * TOLERANCE)
    }

    @ParameterizedTest
    @CsvSource("44100, 48000", "48000, 44100", "96000, 44100", "44100, 16000", "8000, 44100")
    fun `what is below the band's edge passes, what is above is gone`(rateIn: Int, rateOut: Int) {
        val edge = minOf(rateIn, rateOut) / 2.0
        for (share in listOf(0.01, 0.3, 0.6, 0.85)) {
            assertEquals(0.0, levelDb(rateIn, rateOut, share * edge), 0.01, "$share of the band")
        }
        if (rateOut < rateIn) {
            for (share in listOf(1.0, 1.05, 1.2).filter { 2 * it * edge < rateIn }) {
                val level = levelDb(rateIn, rateOut, share * edge)
                assertTrue(level < -90) { "$share of the band: $level dB" }
            }
        }
    }

    /** Level of a full-scale sine's output, away from its ends, in dB of a full-scale sine. */
    private fun levelDb(rateIn: Int, rateOut: Int, hertz: Double): Double {
        val input = FloatArray(rateIn / 4) { sin(2 * PI * hertz * it / rateIn).toFloat() }
        val output = Resampler(rateIn, rateOut, 1).convert(input, blocks(input.size, 700))
        val middle = output.copyOfRange(output.size / 4, 3 * output.size / 4)
        return 10 * log10(2 * middle.sumOf { it.toDouble() * it } / middle.size + 1e-30)
    }

    @ParameterizedTest
    @CsvSource("44100, 48000", "48000, 44100", "16000, 44100", "96000, 44100", "48000, 48000", "44100, 4000")
    fun `is late by its stated delay, to a sample`(rateIn: Int, rateOut: Int) {
        val resampler = Resampler(rateIn, rateOut, 1)
        val output = FloatArray(resampler.maxOutput(1))
        var given = 0
        var worst = 0.0
        for (i in 1..4000) {
            given += resampler.push(floatArrayOf(0f), 0, 1, output, 0)
            val held = i.toDouble() / rateIn - given.toDouble() / rateOut
            if (i > 2000) worst = maxOf(worst, abs(held - resampler.delay))
        }
        assertTrue(worst <= 1.01 / minOf(rateIn, rateOut)) { "$worst s besides ${resampler.delay} s" }
    }

    @Test
    fun `a reset forgets`() {
        val resampler = Resampler(44100, 48000, 2)
        val fresh = resampler.convert(noise(2000), blocks(1000, 100))
        resampler.push(noise(2000, seed = 2), 0, 1000, FloatArray(2 * resampler.maxOutput(1000)), 0)
        resampler.reset()
        assertEquals(0f, maxDifference(fresh, resampler.convert(noise(2000), blocks(1000, 33))))
    }

    @ParameterizedTest
    @CsvSource(
        delimiter = '|',
        value = [
            "44100 | 0 | sample rates must be from 4000 to 384000 Hz. Received: 44100 to 0",
            "-1 | 44100 | sample rates must be from 4000 to 384000 Hz. Received: -1 to 44100",
            "44101 | 44100 | sample rates must be as numbers up to 8192. Received: 44101 to 44100, as 44101 to 44100",
        ],
    )
    fun `refuses rates it has no kernel for`(rateIn: Int, rateOut: Int, complaint: String) {
        val error = assertThrows(IllegalArgumentException::class.java) { Resampler(rateIn, rateOut, 2) }
        assertEquals("Resampler: $complaint", error.message)
    }

    /** The definition: zeros between the samples, the filter, every `down`th of the result. */
    private fun resampled(x: FloatArray, up: Int, down: Int, taps: DoubleArray): FloatArray {
        val numSamples = x.size / 2
        val half = taps.size / 2
        return FloatArray(2 * ((numSamples * up + down - 1) / down)) {
            val place = it / 2 * down
            val first = maxOf(0, (place - half + up - 1) / up)
            val last = minOf(numSamples - 1, (place + half) / up)
            (first..last).sumOf { k -> taps[place - k * up + half] * x[2 * k + it % 2] }.toFloat()
        }
    }

    private companion object {
        @JvmStatic
        fun resampling() = Golden.resampling
    }
}
