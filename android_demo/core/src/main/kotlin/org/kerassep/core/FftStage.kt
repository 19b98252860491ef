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
    fun forward(from: DoubleArray, to: DoubleArray)

    /** Frequency side → time side, `radix` times too large. */
    fun inverse(from: DoubleArray, to: DoubleArray)
}

/** cos, sin, cos, sin, … of 2π · [stride] · i / [length], i = 1, 2, …, [count] of them. */
internal fun twiddles(length: Int, stride: Int, count: Int): DoubleArray = DoubleArray(2 * count) {
    val angle = 2.0 * PI * (stride.toLong() * (it / 2 + 1) % length) / length
    if (it % 2 == 0) cos(angle) else sin(angle)
}
