package org.kerassep.demo.ui

import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

class SpectrogramPixelsTest {
    @Test
    fun `columns go round, the lowest band at the bottom`() {
        val pixels = SpectrogramPixels(width = 3, height = 2)
        val levels = floatArrayOf(-20f, -100f)
        assertEquals(listOf(0, 1, 2, 0), List(4) { pixels.push(levels) })
        assertEquals(1, pixels.next)
        assertEquals(Palette.of(-100f), pixels.column[0])
        assertEquals(Palette.of(-20f), pixels.column[1])
    }

    @Test
    fun `louder is lighter, beyond the ends as at them`() {
        val lightness = (-110..0).map { db ->
            val colour = Palette.of(db.toFloat())
            0.299 * (colour shr 16 and 0xFF) + 0.587 * (colour shr 8 and 0xFF) + 0.114 * (colour and 0xFF)
        }
        assertTrue(lightness.zipWithNext().all { (quiet, loud) -> loud >= quiet })
        assertEquals(Palette.of(-100f), Palette.of(Float.NEGATIVE_INFINITY))
        assertEquals(Palette.of(-20f), Palette.of(0f))
        assertEquals(0xFF, Palette.of(-60f) ushr 24)
    }
}
