package org.kerassep.core

import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.log10
import kotlin.math.pow

/**
 * Spectra of a stream for a display: columns of levels in dB, in bands that are equally wide on a logarithmic scale.
 *
 * One thread pushes samples, another polls columns. A display that does not poll costs nothing: once the few columns
 * that are kept are full, nothing is computed. Nothing is allocated after construction.
 *
 * @param fftLength samples of a frame, a power of two.
 * @param frameStep samples from one column to the next.
 * @param sampleRate Hz.
 * @property numBands numbers in a column, lowest band first.
 * @param lowestHz where the lowest band begins.
 * @param highestHz where the highest one ends, at most half of sampleRate.
 */
class Spectrogram(
    private val fftLength: Int,
    private val frameStep: Int,
    sampleRate: Int,
    val numBands: Int,
    private val numChannels: Int = 2,
    lowestHz: Float = 40f,
    highestHz: Float = minOf(16000f, sampleRate / 2f),
) {
    init {
        require(frameStep >= 1 && numBands >= 1 && numChannels >= 1) {
            "Spectrogram: frameStep, numBands and numChannels must be at least 1. " +
                "Received: $frameStep, $numBands and $numChannels"
        }
        require(lowestHz > 0 && lowestHz < highestHz && highestHz <= sampleRate / 2f) {
            "Spectrogram: bands must lie between 0 and ${sampleRate / 2f} Hz. Received: $lowestHz to $highestHz Hz"
        }
    }

    private val fft = Fft(fftLength)
    private val window = FloatArray(fftLength) { (0.5 - 0.5 * cos(2.0 * PI * it / fftLength)).toFloat() }
    private val past = FloatArray(fftLength) // mono, a ring; `place` is the oldest
    private val frame = FloatArray(fftLength)
    private val column = FloatArray(numBands)
    private val columns = AudioRing(KEPT, numBands) // a column is a sample of numBands channels
    private val edges = IntArray(numBands + 1) { // bins
        val hertz = lowestHz * (highestHz / lowestHz).pow(it.toFloat() / numBands)
        (hertz * fftLength / sampleRate + 0.5f).toInt().coerceIn(1, fftLength / 2)
    }
    private var place = 0
    private var due = frameStep

    /** Takes the next samples, interleaved; of several channels their mean. */
    fun push(samples: FloatArray, offset: Int, numSamples: Int) {
        var from = offset * numChannels
        repeat(numSamples) {
            var sum = 0f
            repeat(numChannels) { sum += samples[from++] }
            past[place] = sum / numChannels
            place = (place + 1) and (fftLength - 1)
            if (--due == 0) {
                due = frameStep
                if (columns.free > 0) write()
            }
        }
    }

    /**
     * Takes the oldest column that is there.
     *
     * @param into receives numBands levels, dB of a full-scale sine, at least [FLOOR_DB].
     * @return whether there was one.
     */
    fun poll(into: FloatArray): Boolean = columns.read(into, 0, 1) == 1

    private fun write() {
        past.copyInto(frame, 0, place, fftLength)
        past.copyInto(frame, fftLength - place, 0, place)
        for (i in frame.indices) frame[i] *= window[i]
        fft.forward(frame)
        for (band in column.indices) column[band] = level(edges[band], maxOf(edges[band] + 1, edges[band + 1]))
        columns.write(column, 0, 1)
    }

    /** The loudest bin's level. */
    private fun level(from: Int, to: Int): Float {
        var loudest = 0f
        for (bin in from until minOf(to, fftLength / 2)) {
            val re = frame[2 * bin - 1]
            val im = frame[2 * bin]
            loudest = maxOf(loudest, re * re + im * im)
        }
        val full = fftLength / 4f
        return maxOf(FLOOR_DB, 10f * log10(loudest / (full * full)))
    }

    companion object {
        const val FLOOR_DB = -100f
        private const val KEPT = 64
    }
}
