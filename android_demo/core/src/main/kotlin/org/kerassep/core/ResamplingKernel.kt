package org.kerassep.core

import kotlin.math.PI
import kotlin.math.sin
import kotlin.math.sqrt

/**
 * The low-pass filter between two sample rates: a windowed sinc (Kaiser, beta 10), cut off at 0.92 of the lower rate's
 * half, at `up` times the input's rate. In scipy's terms, with m = max(up, down) and half = 48 · m:
 * `up * firwin(2 * half + 1, 0.92 / m, window=("kaiser", 10.0))`.
 */
internal object ResamplingKernel {
    private const val LOBES = 48 // zero crossings a side, at the lower rate
    private const val CUTOFF = 0.92 // of half the lower rate
    private const val BETA = 10.0

    /** Taps on each side of the one in the middle. */
    fun half(up: Int, down: Int): Int = LOBES * maxOf(up, down)

    fun taps(up: Int, down: Int): DoubleArray {
        val half = half(up, down)
        val cutoff = CUTOFF / maxOf(up, down)
        val taps = DoubleArray(2 * half + 1) {
            val place = (it - half).toDouble()
            cutoff * sinc(cutoff * place) * bessel(BETA * sqrt(1.0 - (place / half) * (place / half))) / bessel(BETA)
        }
        val scale = up / taps.sum()
        return DoubleArray(taps.size) { taps[it] * scale }
    }

    private fun sinc(x: Double): Double = if (x == 0.0) 1.0 else sin(PI * x) / (PI * x)

    /** Modified Bessel function of the first kind and order 0, by its power series. */
    private fun bessel(x: Double): Double {
        var term = 1.0
        var sum = 1.0
        var k = 1
        while (term > 1e-17 * sum) {
            term *= (x / (2 * k)) * (x / (2 * k))
            sum += term
            k++
        }
        return sum
    }
}
