package org.kerassep.core

import kotlin.math.sqrt

/** The mask core between STFT and overlap-add: a mask multiplies the mixture's spectrum, its phase stays. */
internal class MaskEngine(model: StepModel) : Engine {
    private val spec = model.metadata.spec
    private val step = StatefulStep(model)
    private val stft: Stft
    private val overlapAdds: List<OverlapAdd>
    private val midSide = Array(spec.numViews - spec.numChannels) { FloatArray(spec.fftLength) }
    private val views: Array<FloatArray>
    private val magnitude = FloatArray(step.inputSize)
    private val masks = Array(spec.sources.size) { FloatArray(step.outputSize) }
    private val masked = Array(spec.numChannels) { FloatArray(spec.fftLength) }

    init {
        try {
            stft = Stft(spec)
            overlapAdds = spec.sources.map { OverlapAdd(spec) }
        } catch (error: IllegalArgumentException) {
            throw ModelFileException("${model.metadata.title}: cannot use this mask graph: ${error.message}")
        }
        views = stft.spectrum + midSide
    }

    override val recoveries: Long get() = step.recoveries

    override fun reset() {
        step.reset()
        stft.reset()
        for (overlapAdd in overlapAdds) overlapAdd.reset()
    }

    override fun run(samples: FloatArray, stems: Array<FloatArray>) {
        stft.push(samples)
        if (midSide.isNotEmpty()) mixMidSide(stft.spectrum[0], stft.spectrum[1])
        for (view in views.indices) magnitudes(views[view], view)
        val sound = step.run(magnitude, masks)
        for (source in stems.indices) {
            for (channel in masked.indices) {
                if (sound) {
                    apply(masks[source], channel, stft.spectrum[channel], masked[channel])
                } else {
                    masked[channel].fill(0f) // zero times a spectrum that is not finite is not zero
                }
            }
            overlapAdds[source].push(masked, stems[source])
        }
    }

    override fun close() = step.close()

    /** Half spectra of mid, (L + R) / √2, and side, (L − R) / √2. */
    private fun mixMidSide(left: FloatArray, right: FloatArray) {
        val (mid, side) = midSide
        for (i in left.indices) {
            mid[i] = (left[i] + right[i]) * HALF
            side[i] = (left[i] - right[i]) * HALF
        }
    }

    /** Writes a view of the magnitude (bins, views). */
    private fun magnitudes(bins: FloatArray, view: Int) {
        val numViews = spec.numViews
        val last = spec.numBins - 1
        magnitude[view] = sqrt(bins[0] * bins[0])
        magnitude[last * numViews + view] = sqrt(bins[2 * last - 1] * bins[2 * last - 1])
        for (bin in 1 until last) {
            val re = bins[2 * bin - 1]
            val im = bins[2 * bin]
            magnitude[bin * numViews + view] = sqrt(re * re + im * im)
        }
    }

    private fun apply(mask: FloatArray, channel: Int, bins: FloatArray, masked: FloatArray) {
        val numChannels = spec.numChannels
        val last = spec.numBins - 1
        masked[0] = mask[channel] * bins[0]
        masked[2 * last - 1] = mask[last * numChannels + channel] * bins[2 * last - 1]
        for (bin in 1 until last) {
            val share = mask[bin * numChannels + channel]
            masked[2 * bin - 1] = share * bins[2 * bin - 1]
            masked[2 * bin] = share * bins[2 * bin]
        }
    }

    private companion object {
        const val HALF = 0.70710677f // of the power: √½ in float32
    }
}
