package org.kerassep.demo.audio

/** @property sampleRate Hz. @property numChannels interleaved in every block. */
data class StreamFormat(val sampleRate: Int, val numChannels: Int) {
    /** The sample at a time in µs, which may have been cut to whole ones. */
    fun sampleAt(micros: Long): Long = (micros * sampleRate + MICROS_PER_SECOND / 2) / MICROS_PER_SECOND

    /** Time of a sample in whole µs. */
    fun microsOf(sample: Long): Long = sample * MICROS_PER_SECOND / sampleRate

    private companion object {
        const val MICROS_PER_SECOND = 1_000_000L
    }
}
