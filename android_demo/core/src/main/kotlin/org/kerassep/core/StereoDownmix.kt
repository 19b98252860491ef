package org.kerassep.core

import kotlin.math.abs
import kotlin.math.sqrt

/**
 * Any usual number of channels to stereo: mono stands on both sides; centre and surround channels join the sides at
 * −3 dB, the subwoofer is left out, and the sum is scaled so that it stays within full scale.
 *
 * Bad samples (NaN, infinity, beyond ±1e12) become zero and are counted: a network turns them into gaps.
 *
 * @param numChannels 1 to 8, in the order of WAVE files: left, right, centre, subwoofer, surround left, right, …
 */
class StereoDownmix(private val numChannels: Int) {
    init {
        require(numChannels in 1..LAYOUTS.size) {
            "StereoDownmix: expected 1 to ${LAYOUTS.size} channels. Received: $numChannels"
        }
    }

    private val left = shares(numChannels, "Ll")
    private val right = shares(numChannels, "Rr")

    /** Bad samples so far, each channel's on its own. Readable from any thread. */
    @Volatile
    var repaired = 0L
        private set

    /** @param stereo receives [numSamples] samples from its beginning. */
    fun convert(input: FloatArray, offset: Int, numSamples: Int, stereo: FloatArray) {
        var from = offset * numChannels
        var bad = 0
        for (i in 0 until numSamples) {
            var sumLeft = 0f
            var sumRight = 0f
            for (channel in 0 until numChannels) {
                val sample = input[from++]
                if (abs(sample) <= LOUDEST) { // NaN is not
                    sumLeft += left[channel] * sample
                    sumRight += right[channel] * sample
                } else {
                    bad++
                }
            }
            stereo[2 * i] = sumLeft
            stereo[2 * i + 1] = sumRight
        }
        if (bad > 0) repaired += bad
    }

    private companion object {
        const val LOUDEST = 1e12f

        /** L and R are the sides, l and r surround, c is heard on both sides, and . nowhere. */
        val LAYOUTS = listOf("c", "LR", "LRc", "LRlr", "LRclr", "LRc.lr", "LRc.clr", "LRc.lrlr")

        /** What each channel adds to a side: together full scale. */
        fun shares(numChannels: Int, side: String): FloatArray {
            val shares = LAYOUTS[numChannels - 1].map { kind ->
                when (kind) {
                    side[0] -> 1f
                    side[1], 'c' -> sqrt(0.5f)
                    else -> 0f
                }
            }
            return FloatArray(numChannels) { shares[it] / shares.sum() }
        }
    }
}
