package org.kerassep.demo.audio

/** A song's file, decoded in order; used by one thread. */
interface Decoder : AutoCloseable {
    val format: StreamFormat
    val title: String?

    /** As far as the file says. */
    val numSamples: Long?

    /** Interleaved; what [decode] filled, until its next call. */
    val samples: FloatArray

    /**
     * Decodes the next samples.
     *
     * @return how many there are in [samples], at least 1, or [AudioSource.END].
     * @throws AudioException the file is damaged.
     */
    fun decode(): Int

    /** What is decoded next is sample [sample]. */
    fun seek(sample: Long)
}
