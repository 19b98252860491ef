package org.kerassep.demo.audio

/**
 * Where samples go: the loudspeaker or the headphones. Opened and closed by the player, written to by the audio thread,
 * without allocation; the numbers are readable from any thread.
 */
interface AudioSink : AutoCloseable {
    val format: StreamFormat

    /** Samples that the buffer can hold at most. */
    val capacity: Int

    /** Samples that the buffer is filled up to: all of it for songs, less where a short delay matters more. */
    val cushion: Int

    /** Samples that wait in the buffer. */
    val pending: Int

    /** Milliseconds from the buffer to the ear, as far as the system knows. */
    val deviceLatencyMs: Double

    /** How often the device found the buffer empty. */
    val underruns: Int

    /** 0 to 1, beside the mixer's levels: lowered while another application has something short to say. */
    var volume: Float

    fun play()

    fun pause()

    /** Drops what waits in the buffer. */
    fun flush()

    /** Makes the cushion a little longer, as far as the buffer goes: for a live stream that ran dry. */
    fun widen()

    /** Waits until there is room for all. @throws AudioException the device is gone. */
    fun write(from: FloatArray, offset: Int, numSamples: Int)

    /** Writes what there is room for; returns how many samples that were. @throws AudioException as [write]. */
    fun offer(from: FloatArray, offset: Int, numSamples: Int): Int
}
