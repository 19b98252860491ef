package org.kerassep.demo.fakes

import org.kerassep.core.BoundStep
import org.kerassep.core.Graph
import org.kerassep.core.ModelFileException
import org.kerassep.core.ModelMetadata
import org.kerassep.core.StepModel
import org.kerassep.core.StreamSpec
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer

/**
 * A waveform graph that splits every sample in the same way: [vocalsShare] of it is voice, the rest accompaniment. It
 * is late as a real one is, by a state that holds the past.
 */
class FakeStepModel(
    private val vocalsShare: Float = 0.25f,
    private val fails: () -> Boolean = { false },
) : StepModel {
    override val metadata = ModelMetadata(Graph.WAVEFORM, "float32", "fake", SPEC, "{}")
    override val inputs = mapOf("samples" to step, "state_past" to past)
    override val outputs = mapOf("vocals" to step, "accompaniment" to step, "new_state_past" to past)

    @Volatile
    var closed = false
        private set

    override fun bind(inputs: Map<String, ByteBuffer>, outputs: Map<String, ByteBuffer>): BoundStep {
        val samples = floats(inputs.getValue("samples"))
        val past = floats(inputs.getValue("state_past"))
        val vocals = floats(outputs.getValue("vocals"))
        val accompaniment = floats(outputs.getValue("accompaniment"))
        val newPast = floats(outputs.getValue("new_state_past"))
        return BoundStep {
            check(!closed) { "FakeStepModel: a step after close" }
            if (fails()) throw ModelFileException("fake: LiteRT cannot run this file")
            val all = samples.capacity() + past.capacity()
            for (i in 0 until all) {
                val x = if (i < past.capacity()) past[i] else samples[i - past.capacity()]
                if (i < samples.capacity()) {
                    vocals.put(i, vocalsShare * x)
                    accompaniment.put(i, (1 - vocalsShare) * x)
                } else {
                    newPast.put(i - samples.capacity(), x)
                }
            }
        }
    }

    override fun close() {
        closed = true
    }

    companion object {
        val SPEC = StreamSpec(
            sampleRate = 44100, numChannels = 2, frameLength = 64, frameStep = 16, fftLength = 64, window = "hann",
            sources = listOf("vocals", "accompaniment"),
        )
        private val step = intArrayOf(1, SPEC.frameStep, SPEC.numChannels)
        private val past = intArrayOf(1, SPEC.frameLength - SPEC.frameStep, SPEC.numChannels)

        private fun floats(bytes: ByteBuffer): FloatBuffer = bytes.order(ByteOrder.nativeOrder()).asFloatBuffer()
    }
}
