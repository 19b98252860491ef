package org.kerassep.core

import kotlin.math.abs
import kotlin.math.log10

/** What float32 rounding may do; a mistake does a thousand times as much (see NegativeControlTest). */
const val TOLERANCE = 1e-6f

fun maxDifference(a: FloatArray, b: FloatArray): Float {
    check(a.size == b.size) { "expected as many numbers. Received: ${a.size} and ${b.size}" }
    var most = 0f
    for (i in a.indices) {
        val difference = abs(a[i] - b[i])
        if (!(difference <= most)) most = difference // NaN too
    }
    return most
}

/** dB of a signal over what another one differs from it. */
fun signalToNoiseDb(signal: FloatArray, other: FloatArray): Double {
    check(signal.size == other.size) { "expected as many numbers. Received: ${signal.size} and ${other.size}" }
    val power = signal.sumOf { it.toDouble() * it }
    val noise = signal.indices.sumOf { (signal[it] - other[it]).toDouble().let { d -> d * d } }
    return 10 * log10(power / noise)
}
