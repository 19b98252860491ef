package org.kerassep.core

/**
 * Short-time Fourier transform of a stream, one step at a time. keras_sep/signal.py is the reference.
 *
 * No centring: a frame ends with the step that completes it. A stream starts with frameLength − frameStep zeros, so
 * that its first step gives a frame, and every sample lies in frameLength / frameStep frames. Not thread-safe.
 *
 * @param spec its fftLength must be a power of two.
 * @property spectrum of the last frame, one half spectrum a channel, laid out as in [Fft]; not scaled: a full-scale
 *     sine reaches frameLength / 4. Overwritten by [push].
 */
class Stft(spec: StreamSpec) {
    val spectrum = Array(spec.numChannels) { FloatArray(spec.fftLength) }

    private val frameLength = spec.frameLength
    private val frameStep = spec.frameStep
    private val frames = Array(spec.numChannels) { FloatArray(frameLength) }
    private val window = HannWindow.analysis(spec)
    private val fft = Fft(spec.fftLength)

    fun reset() = frames.forEach { it.fill(0f) }

    /** @param samples the next frameStep samples, interleaved. */
    fun push(samples: FloatArray) {
        val numChannels = frames.size
        val overlap = frameLength - frameStep
        for (channel in 0 until numChannels) {
            val frame = frames[channel]
            frame.copyInto(frame, 0, frameStep)
            for (i in 0 until frameStep) frame[overlap + i] = samples[i * numChannels + channel]
            val bins = spectrum[channel]
            for (i in 0 until frameLength) bins[i] = frame[i] * window[i]
            bins.fill(0f, frameLength)
            fft.forward(bins)
        }
    }
}
