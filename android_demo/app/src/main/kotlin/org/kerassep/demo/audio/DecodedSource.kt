package org.kerassep.demo.audio

import org.kerassep.core.AudioRing
import java.util.concurrent.locks.LockSupport

/**
 * A song's file as a source: its own thread decodes ahead into a ring, so that the audio thread never waits for a disk.
 *
 * Seeking goes without a lock. The reader asks with a number; the decoding thread answers with that number and with how
 * many samples it had written by then. All before them are of the old place, and the reader drops them.
 */
class DecodedSource(private val decoder: Decoder, threads: ThreadStarter) : AudioSource {
    override val format = decoder.format
    override val title = decoder.title
    override val numSamples = decoder.numSamples
    override val live get() = false
    override val blockSamples get() = BLOCK
    override val latencyMs get() = 0.0

    private class Place(val number: Int, val sample: Long)

    private val ring = AudioRing(format.sampleRate * AHEAD_MS / 1000, format.numChannels)
    private val dropped = FloatArray(BLOCK * format.numChannels)
    private var taken = 0L // of the reader

    @Volatile
    private var wanted = Place(0, 0)

    @Volatile
    private var reached = Place(0, 0) // the wanted place's number, and the samples written before it

    @Volatile
    private var ended = -1 // number of the place from which the song's end was reached

    @Volatile
    private var failure: AudioException? = null

    @Volatile
    private var closed = false

    private val thread = threads.start("decoder", urgent = false, ::decodeAhead)

    override fun start() = Unit

    override fun pause() = Unit

    override fun interrupt() = Unit // it never waits

    override fun read(into: FloatArray, numSamples: Int): Int {
        val number = wanted.number
        val waiting = ring.available // asked first: what comes once the place is reached is to be kept
        val place = reached
        if (place.number != number) {
            failure?.let { throw it }
            drop(waiting)
            return 0
        }
        if (taken < place.sample) {
            drop(minOf(place.sample - taken, waiting.toLong()).toInt())
            if (taken < place.sample) return 0
        }
        // Asked before reading: what was written before the end is read before it.
        val over = ended == number
        val damage = failure
        val size = ring.read(into, 0, numSamples)
        taken += size
        return when {
            size > 0 -> size
            damage != null -> throw damage
            else -> if (over) AudioSource.END else 0
        }
    }

    override fun seek(sample: Long) {
        wanted = Place(wanted.number + 1, sample)
        LockSupport.unpark(thread)
    }

    /** The decoding thread closes the decoder when it is done with it. */
    override fun close() {
        closed = true
        LockSupport.unpark(thread)
    }

    private fun drop(numSamples: Int) {
        var left = numSamples
        while (left > 0) {
            val size = ring.read(dropped, 0, minOf(left, BLOCK))
            taken += size
            left -= size
        }
    }

    private fun decodeAhead() {
        try {
            decoder.use {
                var written = 0L
                while (!closed) {
                    val place = wanted
                    if (place.number != reached.number) {
                        decoder.seek(place.sample)
                        reached = Place(place.number, written)
                    }
                    val size = if (ended == place.number) 0 else decoder.decode()
                    when (size) {
                        0 -> LockSupport.parkNanos(POLL_NANOS)
                        AudioSource.END -> ended = place.number
                        else -> written += write(size, place)
                    }
                }
            }
        } catch (error: AudioException) {
            failure = error
        } catch (error: RuntimeException) { // codecs throw IllegalStateException and others
            failure = AudioException(Problem.FILE_UNREADABLE, "the decoder failed: $error", error)
        }
    }

    /** Writes what was decoded, as there is room; gives up when another place is wanted. Returns how many samples. */
    private fun write(numSamples: Int, place: Place): Int {
        var done = 0
        while (done < numSamples && !closed && wanted === place) {
            val size = ring.write(decoder.samples, done, numSamples - done)
            done += size
            if (size == 0) LockSupport.parkNanos(POLL_NANOS)
        }
        return done
    }

    private companion object {
        const val BLOCK = 512
        const val AHEAD_MS = 500
        const val POLL_NANOS = 5_000_000L
    }
}
