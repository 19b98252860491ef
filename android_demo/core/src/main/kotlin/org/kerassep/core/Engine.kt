package org.kerassep.core

/** One step of samples in, one step of each stem out, late by frameLength − frameStep samples. */
internal interface Engine : AutoCloseable {
    /** Steps at which the network was not finite and began anew. */
    val recoveries: Long

    fun reset()

    /**
     * @param samples frameStep samples of the mixture, interleaved.
     * @param stems one array a source; each receives as many.
     */
    fun run(samples: FloatArray, stems: Array<FloatArray>)

    companion object {
        /** @throws ModelFileException tensors or a transform that do not fit. */
        fun of(model: StepModel): Engine =
            if (model.metadata.graph == Graph.WAVEFORM) WaveformEngine(model) else MaskEngine(model)
    }
}
