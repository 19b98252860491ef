package org.kerassep.core

import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.sin

/**
 * One stage of [Fft]. Its time side holds `radix` parts one after the other, each of all groups; its frequency side
 * holds group after group, each of `radix` blocks of `length / (groups · radix)` numbers.
 */
internal interface FftStage {
    /** Time side → frequency side. */
    fun forward(from: FloatArray, to: FloatArray)

    /** Frequency side → time side, `radix` times too large. */
    fun inverse(from: FloatArray, to: FloatArray)
}

/** cos, sin, cos, sin, … of 2π · `stride` · i / `length`, i = 1, 2, …, [count] of them; float64, then rounded. */
internal fun twiddles(length: Int, stride: Int, count: Int): FloatArray = FloatArray(2 * count) {
    val angle = 2.0 * PI * (stride.toLong() * (it / 2 + 1) % length) / length
    (if (it % 2 == 0) cos(angle) else sin(angle)).toFloat()
}
