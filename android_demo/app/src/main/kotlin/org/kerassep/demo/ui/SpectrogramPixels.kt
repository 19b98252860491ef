package org.kerassep.demo.ui

/**
 * A spectrogram that runs from right to left: a ring of columns of pixels, of which each comes once and never moves.
 *
 * @property width columns that are kept. @property height bands, the lowest one at the bottom.
 */
class SpectrogramPixels(val width: Int, val height: Int) {
    /** ARGB of the newest column, top first. */
    val column = IntArray(height)

    /** Where the next column goes, the oldest one's place. */
    var next = 0
        private set

    /** @param levels dB, lowest band first. @return the place of the column that [column] now is. */
    fun push(levels: FloatArray): Int {
        for (y in 0 until height) column[y] = Palette.of(levels[height - 1 - y])
        val place = next
        next = (next + 1) % width
        return place
    }
}
