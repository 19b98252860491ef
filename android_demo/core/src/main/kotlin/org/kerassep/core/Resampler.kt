package org.kerassep.core

import kotlin.math.ceil

/**
 * Changes a stream's sample rate, block by block: the samples of scipy's `resample_poly` on the whole stream with the
 * taps of [ResamplingKernel], to float32's rounding, however the stream is cut. Rates that are equal pass through.
 *
 * A sample comes out once the input that its taps cover is there, and [flush] gives the rest, as if silence followed.
 * Samples are interleaved; offsets and counts are in samples a channel. Nothing is allocated after construction. Not
 * thread-safe.
 *
 * @property rateIn Hz. @property rateOut Hz; both from 4000 to 384000, in lowest terms at most 8192 to 8192.
 */
class Resampler(val rateIn: Int, val rateOut: Int, val numChannels: Int) {
    private val up: Int
    private val down: Int
    private val half: Int
    private val numTaps: Int // of a phase
    private val phases: Array<DoubleArray>
    private val history: Array<FloatArray> // a channel each: numTaps − 1 old samples, then new ones
    private var filled = 0 // of a history
    private var newest = 0 // where in a history the newest sample lies that the next output needs
    private var phase = 0
    private var received = 0L
    private var sent = 0L

    init {
        require(rateIn in RATES && rateOut in RATES) {
            "Resampler: sample rates must be from ${RATES.first} to ${RATES.last} Hz. Received: $rateIn to $rateOut"
        }
        require(numChannels >= 1) {
            "Resampler: numChannels must be at least 1. Received: numChannels=$numChannels"
        }
        val divisor = rateIn.toBigInteger().gcd(rateOut.toBigInteger()).toInt()
        up = rateOut / divisor
        down = rateIn / divisor
        require(maxOf(up, down) <= MAX_TERM) {
            "Resampler: sample rates must be as numbers up to $MAX_TERM. Received: $rateIn to $rateOut, as $down to $up"
        }
        half = if (up == down) 0 else ResamplingKernel.half(up, down)
        numTaps = 2 * half / up + 1
        val taps = if (up == down) doubleArrayOf(1.0) else ResamplingKernel.taps(up, down)
        // A phase's taps in the order of the samples they meet, oldest first; some phases have one less, and a zero.
        phases = Array(up) { phase ->
            DoubleArray(numTaps) { taps.getOrElse(phase + (numTaps - 1 - it) * up) { 0.0 } }
        }
        history = Array(numChannels) { FloatArray(numTaps - 1 + CHUNK) }
        reset()
    }

    /** Seconds by which the output is late. */
    val delay: Double get() = half.toDouble() / (up.toDouble() * rateIn)

    /** The most samples that a [push] of [numSamples] gives. */
    fun maxOutput(numSamples: Int): Int = ceil(numSamples.toDouble() * up / down).toInt() + 1

    /** The most samples that [flush] gives. */
    val maxFlush: Int get() = half / down + 2

    /** Takes the next samples; returns how many came out of it, at most [maxOutput] of them. */
    fun push(input: FloatArray, offset: Int, numSamples: Int, output: FloatArray, outputOffset: Int): Int {
        received += numSamples
        var taken = 0
        var given = 0
        while (taken < numSamples) {
            val size = minOf(numSamples - taken, CHUNK)
            for (channel in 0 until numChannels) {
                val samples = history[channel]
                var from = (offset + taken) * numChannels + channel
                for (i in filled until filled + size) {
                    samples[i] = input[from]
                    from += numChannels
                }
            }
            filled += size
            taken += size
            given += convert(output, outputOffset + given)
        }
        sent += given
        return given
    }

    /** Gives what is held back, says how many samples that are, and starts anew. */
    fun flush(output: FloatArray, outputOffset: Int): Int {
        val missing = ((received * up + down - 1) / down - sent).toInt()
        var given = 0
        while (given < missing) {
            for (samples in history) samples.fill(0f, filled)
            filled = history[0].size
            given += convert(output, outputOffset + given, missing - given)
        }
        reset()
        return missing
    }

    /** Forgets everything heard so far. */
    fun reset() {
        for (samples in history) samples.fill(0f)
        filled = numTaps - 1
        newest = filled + half / up
        phase = half % up
        received = 0
        sent = 0
    }

    /** Gives what the histories are enough for, and keeps what later samples need. */
    private fun convert(output: FloatArray, outputOffset: Int, most: Int = Int.MAX_VALUE): Int {
        var given = 0
        while (newest < filled && given < most) {
            val taps = phases[phase]
            val oldest = newest - (numTaps - 1)
            var to = (outputOffset + given) * numChannels
            for (samples in history) {
                var sum = 0.0
                for (i in 0 until numTaps) sum += taps[i] * samples[oldest + i]
                output[to++] = sum.toFloat()
            }
            given++
            phase += down
            newest += phase / up
            phase %= up
        }
        val done = minOf(newest - (numTaps - 1), filled)
        for (samples in history) samples.copyInto(samples, 0, done, filled)
        filled -= done
        newest -= done
        return given
    }

    private companion object {
        const val CHUNK = 256
        const val MAX_TERM = 8192
        val RATES = 4000..384000
    }
}
