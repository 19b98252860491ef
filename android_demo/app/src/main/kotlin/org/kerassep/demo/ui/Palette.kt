package org.kerassep.demo.ui

import kotlin.math.roundToInt

/** Colours of a level: black, violet, orange, white; lightness grows all the way, also for who sees no colours. */
object Palette {
    const val FLOOR_DB = -100f
    private const val CEILING_DB = -20f
    private const val SIZE = 256

    private val stops = arrayOf(
        intArrayOf(6, 6, 12),
        intArrayOf(43, 19, 84),
        intArrayOf(124, 34, 104),
        intArrayOf(214, 83, 60),
        intArrayOf(250, 170, 60),
        intArrayOf(255, 250, 210),
    )

    private val colours = IntArray(SIZE, ::colour)

    /** The colour of [db], opaque ARGB. */
    fun of(db: Float): Int {
        val share = (db - FLOOR_DB) / (CEILING_DB - FLOOR_DB)
        return colours[(share * (SIZE - 1)).coerceIn(0f, SIZE - 1f).toInt()]
    }

    private fun colour(index: Int): Int {
        val at = index * (stops.size - 1f) / (SIZE - 1)
        val low = minOf(at.toInt(), stops.size - 2)
        var argb = 0xFF
        for (channel in 0 until 3) {
            val from = stops[low][channel]
            val to = stops[low + 1][channel]
            argb = (argb shl 8) or (from + (at - low) * (to - from)).roundToInt()
        }
        return argb
    }
}
