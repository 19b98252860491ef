package org.kerassep.demo.model

import android.content.res.AssetManager
import org.kerassep.core.ModelFileException
import org.kerassep.core.StepModel
import java.io.FileInputStream
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.channels.FileChannel

/** The catalogue in the application's assets, written there by `python -m export android`. */
class AssetCatalogue(private val assets: AssetManager) : ModelCatalogue {
    override fun entries(): List<ModelEntry> = CatalogueReader.read(text("catalogue.json"))

    override fun open(entry: ModelEntry): StepModel = LiteRtStep(map(entry.file), entry.file)

    override fun licence(entry: ModelEntry): String = text(entry.licenceFile)

    private fun text(file: String): String = orMissing(file) {
        assets.open("$FOLDER/$file").use { it.readBytes().decodeToString() }
    }

    /** In place, without a copy: .tflite files are stored uncompressed. */
    private fun map(file: String): ByteBuffer = orMissing(file) {
        assets.openFd("$FOLDER/$file").use { part ->
            FileInputStream(part.fileDescriptor).use {
                it.channel.map(FileChannel.MapMode.READ_ONLY, part.startOffset, part.length)
            }
        }
    }

    private inline fun <T> orMissing(file: String, call: () -> T): T =
        try {
            call()
        } catch (error: IOException) {
            throw ModelFileException(
                "$FOLDER/$file: expected in the application's assets, from `python -m export android`. " +
                    "Received: ${error.message}",
            )
        }

    private companion object {
        const val FOLDER = "models"
    }
}
