package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class StereoDownmixTest {
    private fun StereoDownmix.stereo(vararg samples: Float, numSamples: Int = 1): FloatArray =
        FloatArray(2 * numSamples).also { convert(samples, 0, numSamples, it) }

    @Test
    fun `mono stands on both sides, stereo stays as it is`() {
        assertArrayEquals(floatArrayOf(0.5f, 0.5f, -1f, -1f), StereoDownmix(1).stereo(0.5f, -1f, numSamples = 2))
        assertArrayEquals(floatArrayOf(0.5f, -1f), StereoDownmix(2).stereo(0.5f, -1f))
    }

    @Test
    fun `the centre is heard on both sides, surround on its own, the subwoofer nowhere`() {
        val downmix = StereoDownmix(6)
        val (left, right) = (0 until 6).map { channel ->
            downmix.stereo(*FloatArray(6) { if (it == channel) 1f else 0f }).toList()
        }.let { responses -> responses.map { it[0] } to responses.map { it[1] } }
        val full = 1 / (1 + 2 * 0.70710678f)
        val joined = 0.70710678f * full
        assertArrayEquals(floatArrayOf(full, 0f, joined, 0f, joined, 0f), left.toFloatArray(), 1e-6f)
        assertArrayEquals(floatArrayOf(0f, full, joined, 0f, 0f, joined), right.toFloatArray(), 1e-6f)
    }

    @Test
    fun `no layout leaves full scale`() {
        for (numChannels in 1..8) {
            val loudest = StereoDownmix(numChannels).stereo(*FloatArray(numChannels) { 1f })
            assertTrue(loudest.all { it in 0.99f..1.000001f }) { "$numChannels channels: ${loudest.toList()}" }
        }
    }

    @Test
    fun `bad samples become zero and are counted`() {
        val downmix = StereoDownmix(2)
        val out = downmix.stereo(Float.NaN, 1f, Float.NEGATIVE_INFINITY, 2e12f, 1e12f, 0.5f, numSamples = 3)
        assertArrayEquals(floatArrayOf(0f, 1f, 0f, 0f, 1e12f, 0.5f), out)
        assertEquals(3, downmix.repaired)
    }

    @Test
    fun `other numbers of channels are refused`() {
        for (numChannels in listOf(-1, 0, 9)) {
            val error = assertThrows(IllegalArgumentException::class.java) { StereoDownmix(numChannels) }
            assertEquals("StereoDownmix: expected 1 to 8 channels. Received: $numChannels", error.message)
        }
    }
}
