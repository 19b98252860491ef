package org.kerassep.core

/** The waveform graph: everything is inside the step. */
internal class WaveformEngine(model: StepModel) : Engine {
    private val step = StatefulStep(model)

    override val recoveries: Long get() = step.recoveries

    override fun reset() = step.reset()

    override fun run(samples: FloatArray, stems: Array<FloatArray>) {
        step.run(samples, stems)
    }

    override fun close() = step.close()
}
