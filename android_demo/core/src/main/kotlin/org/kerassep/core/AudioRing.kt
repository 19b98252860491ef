package org.kerassep.core

import java.util.concurrent.atomic.AtomicLong

/**
 * Samples from one writing thread to one reading thread, without a lock.
 *
 * Each counter has a single writer: the writing thread moves `written` when the samples are there, the reading thread
 * moves `taken` when it has copied them. Both only grow, so their difference is what is in the ring, and a counter that
 * is read late errs on the safe side. Nothing is allocated after construction.
 *
 * @param capacity samples a channel that it can hold, ≥ 1.
 */
class AudioRing(private val capacity: Int, private val numChannels: Int) {
    private val samples: FloatArray
    private val written = AtomicLong()
    private val taken = AtomicLong()

    init {
        require(capacity >= 1 && numChannels >= 1) {
            "AudioRing: expected at least 1 sample and channel. Received: $capacity of $numChannels"
        }
        samples = FloatArray(Math.multiplyExact(capacity, numChannels))
    }

    /** Samples that can be read now. */
    val available: Int get() = (written.get() - taken.get()).toInt().coerceIn(0, capacity)

    /** Samples that can be written now. */
    val free: Int get() = capacity - available

    /** Writing thread: copies as many samples as there is room for; returns how many. */
    fun write(from: FloatArray, offset: Int, numSamples: Int): Int {
        val start = written.get()
        val size = minOf(numSamples, capacity - (start - taken.get()).toInt())
        val place = (start % capacity).toInt()
        val first = minOf(size, capacity - place)
        from.copyInto(samples, place * numChannels, offset * numChannels, (offset + first) * numChannels)
        from.copyInto(samples, 0, (offset + first) * numChannels, (offset + size) * numChannels)
        written.lazySet(start + size)
        return size
    }

    /** Reading thread: copies as many samples as there are; returns how many. */
    fun read(into: FloatArray, offset: Int, numSamples: Int): Int {
        val start = taken.get()
        val size = minOf(numSamples, (written.get() - start).toInt())
        val place = (start % capacity).toInt()
        val first = minOf(size, capacity - place)
        samples.copyInto(into, offset * numChannels, place * numChannels, (place + first) * numChannels)
        samples.copyInto(into, (offset + first) * numChannels, 0, (size - first) * numChannels)
        taken.lazySet(start + size)
        return size
    }

    /** Reading thread: drops what is there. */
    fun clear() = taken.lazySet(written.get())
}
