package org.kerassep.demo.audio

import android.content.ContentResolver
import android.content.Context
import android.media.MediaExtractor
import android.media.MediaMetadataRetriever
import android.net.Uri
import android.provider.OpenableColumns

/** Opens a song that is a document of the system's, or the example among the application's assets. */
class SongFile(private val context: Context) {
    /** @throws AudioException it cannot be read or decoded. */
    fun open(uri: String): Decoder {
        val parsed = Uri.parse(uri)
        return decoder(titleOf(parsed)) { setDataSource(context, parsed, null) }
    }

    /** @throws AudioException as [open]. */
    fun openExample(): Decoder = decoder(EXAMPLE_TITLE) {
        context.assets.openFd(EXAMPLE).use { setDataSource(it.fileDescriptor, it.startOffset, it.length) }
    }

    private fun decoder(title: String?, setSource: MediaExtractor.() -> Unit): Decoder {
        val extractor = MediaExtractor()
        try {
            extractor.setSource()
            return MediaCodecDecoder(extractor, title)
        } catch (error: Exception) {
            extractor.release()
            if (error is AudioException) throw error
            // The file is gone, the permission to read it too, or the codec fell over it.
            throw AudioException(Problem.FILE_UNREADABLE, "cannot read the file: ${error.message}", error)
        }
    }

    /** The song's own title, or else the file's name. */
    private fun titleOf(uri: Uri): String? = tagged(uri) ?: displayName(context.contentResolver, uri)

    private fun tagged(uri: Uri): String? {
        val retriever = MediaMetadataRetriever()
        return try {
            retriever.setDataSource(context, uri)
            val title = retriever.extractMetadata(MediaMetadataRetriever.METADATA_KEY_TITLE)
            val artist = retriever.extractMetadata(MediaMetadataRetriever.METADATA_KEY_ARTIST)
            title?.takeIf(String::isNotBlank)?.let { if (artist.isNullOrBlank()) it else "$artist – $it" }
        } catch (_: RuntimeException) { // it throws several, for files without tags too
            null
        } finally {
            retriever.release()
        }
    }

    private fun displayName(resolver: ContentResolver, uri: Uri): String? =
        try {
            resolver.query(uri, arrayOf(OpenableColumns.DISPLAY_NAME), null, null, null)?.use { cursor ->
                if (cursor.moveToFirst()) cursor.getString(0) else null
            }
        } catch (_: RuntimeException) { // whatever the document's provider throws: a name is not worth more
            null
        }

    internal companion object {
        private const val EXAMPLE = "example/example.flac"
        const val EXAMPLE_TITLE = "Music Delta – Country1"
    }
}
