package org.kerassep.core

/** A model's step as the golden vectors have it: the states are copied from output to input, nothing else is done. */
class BareStep(model: StepModel) {
    private val inputs = model.inputs.mapValues { FloatTensor(it.value.fold(1, Int::times)) }
    private val outputs = model.outputs.mapValues { FloatTensor(it.value.fold(1, Int::times)) }
    private val step = model.bind(inputs.mapValues { it.value.bytes }, outputs.mapValues { it.value.bytes })
    private val input = inputs.entries.single { !it.key.startsWith("state_") }.value

    /** @param frames inputs of one step after the other. @return by name the outputs of all steps. */
    fun run(frames: FloatArray): Map<String, FloatArray> {
        val numSteps = frames.size / input.size
        val results = outputs.mapValues { FloatArray(numSteps * it.value.size) }
        for (t in 0 until numSteps) {
            input.set(frames.copyOfRange(t * input.size, (t + 1) * input.size))
            step.run()
            for ((name, tensor) in outputs) {
                val values = FloatArray(tensor.size).also(tensor::get)
                values.copyInto(results.getValue(name), t * tensor.size)
                if (name.startsWith("new_")) inputs.getValue(name.removePrefix("new_")).set(values)
            }
        }
        return results
    }
}
