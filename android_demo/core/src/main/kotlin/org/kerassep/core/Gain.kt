package org.kerassep.core

import kotlin.math.pow

/** Levels in dB as factors. */
object Gain {
    /** At or below it nothing is heard. */
    const val MUTE_DB = -60f
    const val LOUDEST_DB = 6f

    /** Exactly 1 at 0 dB, 0 at [MUTE_DB] or below, at most that of [LOUDEST_DB]; NaN counts as 0 dB. */
    fun ofDb(decibels: Float): Float = when {
        decibels.isNaN() -> 1f
        decibels <= MUTE_DB -> 0f
        else -> 10f.pow(minOf(decibels, LOUDEST_DB) / 20f)
    }
}
