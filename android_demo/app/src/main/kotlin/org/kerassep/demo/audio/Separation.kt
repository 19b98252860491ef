package org.kerassep.demo.audio

import org.kerassep.core.LivePipeline
import org.kerassep.core.StepModel
import kotlin.math.roundToInt

/**
 * A pipeline with the memory that its blocks need.
 *
 * @param model closed with this.
 * @property blockSamples the most that goes in at once.
 * @throws org.kerassep.core.ModelFileException a model that does not fit a stereo stream.
 * @throws IllegalArgumentException sample rates or channels that cannot be converted.
 */
class Separation(
    model: StepModel,
    from: StreamFormat,
    to: StreamFormat,
    val blockSamples: Int,
) : AutoCloseable {
    val pipeline = LivePipeline(model, from.sampleRate, from.numChannels, to.sampleRate, to.numChannels)

    /** Samples at the beginning of what comes out that are only the stems' delay. */
    val lead = (model.metadata.spec.algorithmicLatencyMs * to.sampleRate / 1000).roundToInt()

    val input = FloatArray(blockSamples * from.numChannels)
    val output = FloatArray(maxOf(pipeline.maxOutput(blockSamples), pipeline.maxFlush) * to.numChannels)

    fun apply(mix: Mix) {
        pipeline.mixer.vocalsGainDb = mix.vocalsDb
        pipeline.mixer.accompanimentGainDb = mix.accompanimentDb
        pipeline.mixer.bypass = mix.original
    }

    override fun close() = pipeline.close()
}
