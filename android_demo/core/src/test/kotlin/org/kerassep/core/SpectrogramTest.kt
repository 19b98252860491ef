package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.math.PI
import kotlin.math.ln
import kotlin.math.sin

class SpectrogramTest {
    private val column = FloatArray(48)

    private fun spectrogram() = Spectrogram(2048, 1024, 44100, numBands = 48, numChannels = 1)

    private fun sine(hertz: Double, amplitude: Float) =
        FloatArray(44100) { amplitude * sin(2 * PI * hertz * it / 44100).toFloat() }

    private fun Spectrogram.last(samples: FloatArray): FloatArray {
        for (at in 0 until samples.size / 100) {
            push(samples, 100 * at, 100)
            while (poll(column)) Unit
        }
        return column
    }

    @Test
    fun `a sine stands in its band, at its level`() {
        for (hertz in listOf(440.0, 1000.0, 5000.0, 12000.0)) {
            val levels = spectrogram().last(sine(hertz, 0.5f))
            val band = (48 * ln(hertz / 40) / ln(16000.0 / 40)).toInt()
            val loudest = levels.indices.maxBy { levels[it] }
            assertTrue(loudest in band - 1..band + 1) { "$hertz Hz in band $loudest, expected $band" }
            assertEquals(-6.02f, levels[loudest], 1.5f) // the window's bins are 1.4 dB apart at most
            assertTrue(levels[(band + 24) % 48] < -60) { "far from $hertz Hz: ${levels[(band + 24) % 48]} dB" }
        }
    }

    @Test
    fun `silence is the floor`() {
        assertTrue(spectrogram().last(FloatArray(44100)).all { it == Spectrogram.FLOOR_DB })
    }

    @Test
    fun `channels are averaged`() {
        val stereo = Spectrogram(2048, 1024, 44100, numBands = 48, numChannels = 2)
        val sine = sine(1000.0, 1f)
        stereo.push(FloatArray(2 * sine.size) { if (it % 2 == 0) sine[it / 2] else -sine[it / 2] }, 0, sine.size)
        assertTrue(stereo.poll(column))
        assertTrue(column.all { it == Spectrogram.FLOOR_DB })
    }

    @Test
    fun `a column every step, and a display that does not poll misses the rest`() {
        val spectrogram = spectrogram()
        assertFalse(spectrogram.poll(column))
        spectrogram.push(FloatArray(1023), 0, 1023)
        assertFalse(spectrogram.poll(column))
        spectrogram.push(FloatArray(1), 0, 1)
        assertTrue(spectrogram.poll(column))
        repeat(200) { spectrogram.push(FloatArray(1024), 0, 1024) }
        assertEquals(64, generateSequence { spectrogram.poll(column).takeIf { it } }.count())
    }

    @Test
    fun `bands outside the stream's are refused`() {
        val error = assertThrows(IllegalArgumentException::class.java) {
            Spectrogram(2048, 1024, 44100, numBands = 48, highestHz = 30000f)
        }
        assertEquals(
            "Spectrogram: bands must lie between 0 and 22050.0 Hz. Received: 40.0 to 30000.0 Hz", error.message,
        )
    }
}
