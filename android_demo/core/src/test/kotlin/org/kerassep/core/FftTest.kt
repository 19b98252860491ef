package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource
import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.sin

class FftTest {
    @ParameterizedTest
    @ValueSource(ints = [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048])
    fun `forward is the definition of the transform`(length: Int) {
        val x = noise(length)
        val spectrum = x.copyOf()
        Fft(length).forward(spectrum)
        for (bin in 0..length / 2) {
            val angle = -2 * PI * bin / length
            val re = x.indices.sumOf { x[it] * cos(angle * it) }
            val im = x.indices.sumOf { x[it] * sin(angle * it) }
            assertEquals(re, re(spectrum, bin).toDouble(), 1e-5, "bin $bin, real")
            assertEquals(im, im(spectrum, bin).toDouble(), 1e-5, "bin $bin, imaginary")
        }
    }

    @ParameterizedTest
    @ValueSource(ints = [4, 8, 16, 32, 2048, 4096])
    fun `inverse gives back what went in`(length: Int) {
        val x = noise(length)
        val y = x.copyOf()
        Fft(length).apply {
            forward(y)
            inverse(y)
        }
        assertEquals(0f, maxDifference(x, y), 2e-7f)
    }

    @ParameterizedTest
    @ValueSource(ints = [-8, 0, 1, 2, 6, 2047])
    fun `lengths that are no power of two are refused`(length: Int) {
        val error = assertThrows(IllegalArgumentException::class.java) { Fft(length) }
        assertEquals("Fft: length must be a power of two, at least 4. Received: length=$length", error.message)
    }

    @Test
    fun `one transform may be used again`() {
        val fft = Fft(64)
        val first = noise(64).also(fft::forward)
        fft.inverse(noise(64, seed = 2))
        assertEquals(0f, maxDifference(first, noise(64).also(fft::forward)))
    }
}
