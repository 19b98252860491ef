package org.kerassep.core

/** The stage of radix 2, which has one group: it comes last forwards and first backwards. */
internal class FftStage2(length: Int) : FftStage {
    private val size = length / 2
    private val w = twiddles(length, 1, (size - 1) / 2)

    override fun forward(from: DoubleArray, to: DoubleArray) {
        val b = size
        to[0] = from[0] + from[b]
        to[2 * size - 1] = from[0] - from[b]
        to[size] = -from[b + size - 1]
        to[size - 1] = from[size - 1]
        for (bin in 1 until size / 2) { // no `step`: it would allocate
            val i = 2 * bin
            val mirror = size + size - i
            val re = w[i - 2] * from[b + i - 1] + w[i - 1] * from[b + i]
            val im = w[i - 2] * from[b + i] - w[i - 1] * from[b + i - 1]
            to[i - 1] = from[i - 1] + re
            to[mirror - 1] = from[i - 1] - re
            to[i] = im + from[i]
            to[mirror] = im - from[i]
        }
    }

    override fun inverse(from: DoubleArray, to: DoubleArray) {
        val b = size
        to[0] = from[0] + from[2 * size - 1]
        to[b] = from[0] - from[2 * size - 1]
        to[size - 1] = 2.0 * from[size - 1]
        to[b + size - 1] = -2.0 * from[size]
        for (bin in 1 until size / 2) { // no `step`: it would allocate
            val i = 2 * bin
            val mirror = size + size - i
            to[i - 1] = from[i - 1] + from[mirror - 1]
            val re = from[i - 1] - from[mirror - 1]
            val im = from[i] + from[mirror]
            to[i] = from[i] - from[mirror]
            to[b + i] = w[i - 2] * im + w[i - 1] * re
            to[b + i - 1] = w[i - 2] * re - w[i - 1] * im
        }
    }
}
