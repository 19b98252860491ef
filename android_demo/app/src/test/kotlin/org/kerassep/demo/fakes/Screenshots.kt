package org.kerassep.demo.fakes

import android.graphics.Bitmap
import android.graphics.Canvas
import android.view.Window
import java.io.File

/** What a window shows now. */
fun pictureOf(window: Window): Bitmap {
    val view = window.decorView
    val picture = Bitmap.createBitmap(view.width, view.height, Bitmap.Config.ARGB_8888)
    view.draw(Canvas(picture))
    return picture
}

/** Kept for a look, where the system property kerassep.screenshots names a folder. */
fun Bitmap.keep(name: String) {
    val folder = System.getProperty("kerassep.screenshots") ?: return
    File(folder, "$name.png").outputStream().use { compress(Bitmap.CompressFormat.PNG, 100, it) }
}
