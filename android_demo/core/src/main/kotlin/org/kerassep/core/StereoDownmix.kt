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
    private val left = FloatArray(numChannels.coerceAtLeast(0))
    private val right = FloatArray(left.size)

    /** Bad samples so far, each channel's on its own. Readable from any thread. */
    @Volatile
    var repaired = 0L
        private set

    init {
        require(numChannels in 1..LAYOUTS.size) {
            "StereoDownmix: expected 1 to ${LAYOUTS.size} channels. Received: $numChannels"
        }
        val layout = LAYOUTS[numChannels - 1]
        for (channel in layout.indices) {
            left[channel] = share(layout[channel], "Ll")
            right[channel] = share(layout[channel], "Rr")
        }
        val scale = 1f / maxOf(left.sum(), right.sum())
        for (channel in layout.indices) {
            left[channel] *= scale
            right[channel] *= scale
        }
    }

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

        fun share(kind: Char, side: String): Float = when (kind) {
            side[0] -> 1f
            side[1], 'c' -> sqrt(0.5f)
            else -> 0f
        }
    }
}
