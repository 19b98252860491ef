package org.kerassep.core

import kotlin.math.PI
import kotlin.math.cos

/** The windows of a stream's transforms, as keras_sep/signal.py computes them. */
internal object HannWindow {
    /** Periodic Hann window, frameLength numbers. */
    fun analysis(spec: StreamSpec): FloatArray = FloatArray(spec.frameLength) {
        (0.5 - 0.5 * cos(2.0 * PI * it / spec.frameLength)).toFloat()
    }

    /** Window that makes [OverlapAdd] the inverse of [Stft]: Hann over the constant sum of its squares. */
    fun synthesis(spec: StreamSpec): FloatArray {
        val analysis = analysis(spec)
        val total = analysis.sumOf { it.toDouble() * it } / spec.frameStep // the mean over the samples of a step
        return FloatArray(spec.frameLength) { (analysis[it] / total).toFloat() }
    }
}
