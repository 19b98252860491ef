package org.kerassep.core

/**
 * Frames in, samples out: the inverse of [Stft], late by frameLength − frameStep samples. keras_sep/signal.py is the
 * reference. Not thread-safe.
 *
 * @param spec its fftLength must be a power of two.
 */
class OverlapAdd(spec: StreamSpec) {
    private val frameLength = spec.frameLength
    private val frameStep = spec.frameStep
    private val sums = Array(spec.numChannels) { FloatArray(frameLength) }
    private val window = HannWindow.synthesis(spec)
    private val fft = Fft(spec.fftLength)

    fun reset() = sums.forEach { it.fill(0f) }

    /**
     * @param spectrum one half spectrum a channel, laid out as in [Fft]; overwritten.
     * @param samples receives frameStep complete samples, interleaved.
     */
    fun push(spectrum: Array<FloatArray>, samples: FloatArray) {
        val numChannels = sums.size
        for (channel in 0 until numChannels) {
            val sum = sums[channel]
            val frame = spectrum[channel]
            fft.inverse(frame)
            for (i in 0 until frameLength) sum[i] += frame[i] * window[i]
            for (i in 0 until frameStep) samples[i * numChannels + channel] = sum[i]
            sum.copyInto(sum, 0, frameStep)
            sum.fill(0f, frameLength - frameStep)
        }
    }
}
