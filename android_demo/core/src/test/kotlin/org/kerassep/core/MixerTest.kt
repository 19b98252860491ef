package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.math.abs

class MixerTest {
    private val size = 4000
    private val vocals = noise(2 * size, seed = 1)
    private val accompaniment = noise(2 * size, seed = 2)
    private val original = noise(2 * size, seed = 3)
    private val ones = FloatArray(2 * size) { 1f }
    private val zeros = FloatArray(2 * size)

    private fun Mixer.mixed(
        original: FloatArray, vocals: FloatArray, accompaniment: FloatArray, blockSize: Int = size,
    ): FloatArray {
        val out = FloatArray(2 * size)
        var done = 0
        for (block in blocks(size, blockSize)) {
            mix(original, vocals, accompaniment, done, block, out, done)
            done += block
        }
        return out
    }

    @Test
    fun `at 0 dB the plain sum`() {
        val sum = FloatArray(2 * size) { vocals[it] + accompaniment[it] }
        assertEquals(0f, maxDifference(sum, Mixer(2, 44100).mixed(original, vocals, accompaniment)))
    }

    @Test
    fun `levels are in dB, and silence is silent`() {
        val mixer = Mixer(2, 44100)
        mixer.vocalsGainDb = -60f
        mixer.accompanimentGainDb = -6.0206f
        mixer.mixed(original, vocals, accompaniment) // the ramp
        val out = mixer.mixed(original, vocals, accompaniment)
        val half = FloatArray(2 * size) { accompaniment[it] / 2 }
        assertEquals(0f, maxDifference(half, out), 1e-5f)
        mixer.accompanimentGainDb = Float.NEGATIVE_INFINITY
        mixer.mixed(original, vocals, accompaniment)
        assertTrue(mixer.mixed(original, vocals, accompaniment).all { it == 0f })
    }

    @Test
    fun `levels above the highest count as the highest, and NaN as none`() {
        assertEquals(1.9953f, Gain.ofDb(6f), 1e-4f)
        assertEquals(Gain.ofDb(6f), Gain.ofDb(40f))
        assertEquals(1f, Gain.ofDb(Float.NaN))
        assertEquals(1f, Gain.ofDb(0f))
        assertEquals(0f, Gain.ofDb(-60f))
        assertTrue(Gain.ofDb(-59.9f) > 0f)
    }

    @Test
    fun `a level moves in a straight line of 20 ms, whatever the blocks`() {
        for (blockSize in listOf(1, 7, 512, size)) {
            val mixer = Mixer(2, 44100)
            mixer.mixed(zeros, ones, zeros)
            mixer.vocalsGainDb = -80f
            val out = mixer.mixed(zeros, ones, zeros, blockSize)
            for (i in 0 until size) {
                assertEquals(maxOf(0f, 1f - (i + 1) / 882f), out[2 * i], 1e-5f)
                assertEquals(out[2 * i], out[2 * i + 1])
            }
        }
    }

    @Test
    fun `a level that is changed on its way does not jump`() {
        val mixer = Mixer(1, 44100)
        val out = FloatArray(2000)
        val levels = listOf(-60f, 6f, -10f, 0f, -60f, 6f)
        for ((i, level) in levels.withIndex()) {
            mixer.vocalsGainDb = level
            mixer.mix(zeros, ones, zeros, 0, 300, out, 300 * i)
        }
        for (i in 1 until 300 * levels.size) assertTrue(abs(out[i] - out[i - 1]) <= 2f / 882 + 1e-6f)
    }

    @Test
    fun `bypass fades to the original's bits and back`() {
        val mixer = Mixer(2, 44100)
        mixer.bypass = true
        val fade = mixer.mixed(ones, zeros, zeros)
        for (i in 1 until size) assertTrue(fade[2 * i] - fade[2 * i - 2] in 0f..1f / 882 + 1e-6f)
        assertEquals(0f, maxDifference(original, mixer.mixed(original, vocals, accompaniment)))
        mixer.bypass = false
        mixer.mixed(original, vocals, accompaniment)
        val sum = FloatArray(2 * size) { vocals[it] + accompaniment[it] }
        assertEquals(0f, maxDifference(sum, mixer.mixed(original, vocals, accompaniment)))
    }
}
