package org.kerassep.demo.ui

import android.graphics.Bitmap
import android.graphics.Paint
import android.graphics.Rect
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableIntStateOf
import androidx.compose.runtime.setValue
import androidx.compose.ui.graphics.Canvas
import androidx.compose.ui.graphics.nativeCanvas
import org.kerassep.core.Spectrogram

/** [SpectrogramPixels] in a bitmap: a new column is one small write, a picture two copies. */
class SpectrogramBitmap(width: Int = 400, height: Int = 96) {
    private val pixels = SpectrogramPixels(width, height)
    private val bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888)
    private val levels = FloatArray(height)
    private val paint = Paint(Paint.FILTER_BITMAP_FLAG)
    private val from = Rect()
    private val to = Rect()

    /** Columns so far: read where it is drawn, so that a new column draws it again. */
    private var count by mutableIntStateOf(0)

    init {
        bitmap.eraseColor(Palette.of(Spectrogram.FLOOR_DB))
    }

    /** Takes all columns that [poll] gives. */
    fun update(poll: (FloatArray) -> Boolean) {
        while (poll(levels)) {
            val place = pixels.push(levels)
            bitmap.setPixels(pixels.column, 0, 1, place, 0, 1, pixels.height)
            count++
        }
    }

    /** The oldest column left, the newest one right. */
    fun draw(canvas: Canvas, width: Int, height: Int) {
        count
        val middle = width * (pixels.width - pixels.next) / pixels.width
        part(canvas, pixels.next, pixels.width, 0, middle, height)
        part(canvas, 0, pixels.next, middle, width, height)
    }

    private fun part(canvas: Canvas, first: Int, end: Int, left: Int, right: Int, height: Int) {
        if (first == end) return
        from.set(first, 0, end, pixels.height)
        to.set(left, 0, right, height)
        canvas.nativeCanvas.drawBitmap(bitmap, from, to, paint)
    }
}
