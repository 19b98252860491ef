package org.kerassep.core

import kotlin.math.ceil

/**
 * How long steps take: a histogram whose buckets are 1/16 of their time wide, from under a microsecond to beyond a
 * minute. One thread records, any thread reads; nothing is allocated.
 *
 * @property periodNanos what one step has in real time: its audio.
 */
class StepTimer(val periodNanos: Long) {
    private val buckets = IntArray(bucketOf(Long.MAX_VALUE) + 1)
    private var longestNanos = 0L

    /** Steps recorded. Written last and read first, so that a reader sees what belongs to it. */
    @Volatile
    var count = 0L
        private set

    init {
        require(periodNanos > 0) { "StepTimer: periodNanos must be positive. Received: periodNanos=$periodNanos" }
    }

    /** Half of the steps took no longer than this, to 1/16. 0 where none was recorded. */
    val p50Ms: Float get() = quantileMs(0.50)

    /** 99 of 100 steps took no longer than this, to 1/16. */
    val p99Ms: Float get() = quantileMs(0.99)

    val maxMs: Float get() = if (count == 0L) 0f else longestNanos / NANOS_PER_MS

    /** Part of real time that the last hundred steps or so took; a stream that is to keep up needs less than 1. */
    @Volatile
    var load = 0f
        private set

    fun record(nanos: Long) {
        val taken = maxOf(nanos, 0L)
        buckets[bucketOf(taken)]++
        longestNanos = maxOf(longestNanos, taken)
        val share = taken.toFloat() / periodNanos
        load += (share - load) / minOf(count + 1, SMOOTHING)
        count++
    }

    /** From the recording thread. */
    fun reset() {
        buckets.fill(0)
        longestNanos = 0
        load = 0f
        count = 0
    }

    private fun quantileMs(share: Double): Float {
        val count = count
        val wanted = maxOf(1L, ceil(share * count).toLong())
        var seen = 0L
        for (bucket in buckets.indices) {
            seen += buckets[bucket]
            if (count > 0 && seen >= wanted) return middleNanos(bucket) / NANOS_PER_MS
        }
        return 0f
    }

    private companion object {
        const val SUB_BITS = 4
        const val SUB_BUCKETS = 1 shl SUB_BITS
        const val SMOOTHING = 100L
        const val NANOS_PER_MS = 1e6f

        /** Linear below 16 ns; above, the highest bit and the four after it. */
        fun bucketOf(nanos: Long): Int {
            val shift = maxOf(0, 63 - SUB_BITS - nanos.countLeadingZeroBits())
            return shift * SUB_BUCKETS + (nanos shr shift).toInt()
        }

        fun middleNanos(bucket: Int): Float {
            val shift = maxOf(0, bucket / SUB_BUCKETS - 1)
            val lowest = (bucket - shift * SUB_BUCKETS).toLong() shl shift
            return lowest + (1L shl shift) / 2f
        }
    }
}
