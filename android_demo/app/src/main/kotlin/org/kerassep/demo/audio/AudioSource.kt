package org.kerassep.demo.audio

/**
 * Where samples come from: a file, a microphone, other applications. Opened and closed by the player; everything else
 * is called from the audio thread, and allocates nothing.
 */
interface AudioSource : AutoCloseable {
    val format: StreamFormat

    /** A song's name, where the source knows one. */
    val title: String?

    /** Samples of the whole song, as far as its file says; null where nobody knows, and live. */
    val numSamples: Long?

    /** Live sound sets the pace and cannot wait; other sources are read as fast as the sink plays. */
    val live: Boolean

    /** Samples that are read at once. */
    val blockSamples: Int

    /** Milliseconds from the sound to the samples that [read] gives; readable from any thread. */
    val latencyMs: Double

    fun start()

    fun pause()

    /**
     * Reads at most [numSamples]; live, waits for them.
     *
     * @return how many; 0 if there are none yet, [END] after the last one.
     * @throws AudioException the source is gone or damaged.
     */
    fun read(into: FloatArray, numSamples: Int): Int

    /** From another thread: a [read] that waits returns soon, or throws. */
    fun interrupt()

    /** What is read next is sample [sample] of the song. Live sources have nothing to seek. */
    fun seek(sample: Long)

    companion object {
        const val END = -1
    }
}
