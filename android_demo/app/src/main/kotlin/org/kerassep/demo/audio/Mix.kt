package org.kerassep.demo.audio

/**
 * What is heard of a song.
 *
 * @property vocalsDb −60 (silence) to +6. @property accompanimentDb the same.
 * @property original whether the mixture is heard as it was, for comparison.
 */
data class Mix(val vocalsDb: Float = 0f, val accompanimentDb: Float = 0f, val original: Boolean = false) {
    companion object {
        const val SILENT_DB = -60f
        const val LOUDEST_DB = 6f
        val KARAOKE = Mix(vocalsDb = SILENT_DB)
        val VOICE = Mix(accompanimentDb = SILENT_DB)
        val BOTH = Mix()
        val ORIGINAL = Mix(original = true)
    }
}
