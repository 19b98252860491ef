package org.kerassep.core

import java.nio.ByteBuffer
import java.nio.FloatBuffer

/**
 * A network that gives every source its share of the mixture, late as a real one: the waveform graph keeps what is
 * still to come in a state; the mask graph counts its steps in one.
 *
 * @param tamper is called after every step with its number, from 0, and the outputs by name.
 */
class FakeStepModel(
    spec: StreamSpec,
    private val graph: Graph = Graph.WAVEFORM,
    private val shares: List<Float> = listOf(0.75f, 0.25f),
    private val tamper: (Int, Map<String, FloatBuffer>) -> Unit = { _, _ -> },
) : StepModel {
    override val metadata = ModelMetadata(graph, "float32", "fake", spec, "{}")
    var steps = 0
        private set
    var closed = false
        private set

    private val waveform = graph == Graph.WAVEFORM
    private val shape = if (waveform) {
        intArrayOf(1, spec.frameStep, spec.numChannels)
    } else {
        intArrayOf(1, 1, spec.numBins, spec.numChannels)
    }
    private val inputShape = if (waveform) shape else intArrayOf(1, 1, spec.numBins, spec.numViews)
    private val stateShape =
        intArrayOf(1, if (waveform) (spec.frameLength - spec.frameStep) * spec.numChannels else 1)
    private val inputName = if (waveform) "samples" else "magnitude"
    private val outputNames = spec.sources.map { if (waveform) it else "${it}_mask" }

    override val inputs = mapOf(inputName to inputShape, "state_0" to stateShape)
    override val outputs = outputNames.associateWith { shape } + ("new_state_0" to stateShape)

    override fun bind(inputs: Map<String, ByteBuffer>, outputs: Map<String, ByteBuffer>): BoundStep {
        val x = inputs.getValue(inputName).asFloatBuffer()
        val state = inputs.getValue("state_0").asFloatBuffer()
        val out = outputs.mapValues { it.value.asFloatBuffer() }
        return BoundStep {
            if (waveform) delay(x, state, out) else count(state, out)
            tamper(steps++, out)
        }
    }

    override fun close() {
        closed = true
    }

    private fun delay(x: FloatBuffer, state: FloatBuffer, out: Map<String, FloatBuffer>) {
        val stream = FloatArray(state.capacity() + x.capacity()) {
            if (it < state.capacity()) state[it] else x[it - state.capacity()]
        }
        for ((name, share) in outputNames.zip(shares)) {
            for (i in 0 until x.capacity()) out.getValue(name).put(i, share * stream[i])
        }
        for (i in 0 until state.capacity()) out.getValue("new_state_0").put(i, stream[x.capacity() + i])
    }

    private fun count(state: FloatBuffer, out: Map<String, FloatBuffer>) {
        for ((name, share) in outputNames.zip(shares)) {
            val mask = out.getValue(name)
            for (i in 0 until mask.capacity()) mask.put(i, share)
        }
        out.getValue("new_state_0").put(0, state[0] + 1)
    }
}
