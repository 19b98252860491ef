package org.kerassep.core

/**
 * A [StepModel] that keeps its states from step to step. They never move: there are two bindings, whose state inputs
 * and outputs are each other's, and they run in turn.
 *
 * A state that is not finite would stay so for ever, and integers turn NaN into numbers that the network may remember
 * for minutes. A step with NaN, infinity or numbers beyond all music (about 1e18) in its input, a state or an output is
 * therefore undone, as in keras_sep/runtime.py: it gives zeros, and the next one starts from zero states.
 *
 * @throws ModelFileException tensors that do not fit the model's spec.
 */
internal class StatefulStep(private val model: StepModel) : AutoCloseable {
    private val spec = model.metadata.spec
    private val waveform = model.metadata.graph == Graph.WAVEFORM
    private val shape = if (waveform) {
        intArrayOf(1, spec.frameStep, spec.numChannels)
    } else {
        intArrayOf(1, 1, spec.numBins, spec.numChannels)
    }
    private val inputShape = if (waveform) shape else intArrayOf(1, 1, spec.numBins, spec.numViews)
    private val inputName = if (waveform) "samples" else "magnitude"
    private val outputNames = spec.sources.map { if (waveform) it else "${it}_mask" }
    private val stateNames = model.inputs.keys.filter { it.startsWith(STATE) }

    init {
        requireShape(model.inputs, inputName, inputShape)
        for (name in outputNames) requireShape(model.outputs, name, shape)
        for (name in stateNames) requireShape(model.outputs, "new_$name", model.inputs.getValue(name))
    }

    private val input = tensor(inputShape)
    private val outputs = outputNames.map { tensor(shape) }
    private val states = List(2) { stateNames.map { name -> tensor(model.inputs.getValue(name)) } }
    private val bindings = List(2) { bind(from = states[it], to = states[1 - it]) }
    private val scratch = FloatArray(states[0].maxOfOrNull { it.size } ?: 0)
    private val zeros = FloatArray(scratch.size)
    private var turn = 0

    /** Steps undone so far; [reset] does not clear it. */
    @Volatile
    var recoveries = 0L
        private set

    /** Numbers in the input. */
    val inputSize: Int get() = input.size

    /** Numbers in every output. */
    val outputSize: Int = shape.fold(1, Int::times)

    fun reset() {
        for (set in states.indices) for (state in states[set].indices) states[set][state].set(zeros)
    }

    /**
     * Fills [out], one array of [outputSize] numbers a source, from [x], which has [inputSize].
     *
     * @return false if the step was undone.
     */
    fun run(x: FloatArray, out: Array<FloatArray>): Boolean {
        if (power(x, inputSize).isFinite() && runs(x, out)) return true
        recoveries++
        reset()
        for (source in out) source.fill(0f, 0, outputSize)
        return false
    }

    override fun close() = model.close()

    /** Whether all that came out is finite. */
    private fun runs(x: FloatArray, out: Array<FloatArray>): Boolean {
        input.set(x)
        bindings[turn].run()
        turn = 1 - turn
        var power = 0f
        for (i in outputs.indices) {
            outputs[i].get(out[i])
            power += power(out[i], outputSize)
        }
        val carried = states[turn]
        for (i in carried.indices) {
            carried[i].get(scratch)
            power += power(scratch, carried[i].size)
        }
        return power.isFinite()
    }

    private fun bind(from: List<FloatTensor>, to: List<FloatTensor>): BoundStep = model.bind(
        mapOf(inputName to input.bytes) + stateNames.zip(from) { name, state -> name to state.bytes },
        outputNames.zip(outputs) { name, output -> name to output.bytes }.toMap() +
            stateNames.zip(to) { name, state -> "new_$name" to state.bytes },
    )

    private fun requireShape(tensors: Map<String, IntArray>, name: String, shape: IntArray) {
        val found = tensors[name]
        if (!shape.contentEquals(found)) {
            val received = found?.let { pythonTuple(it.asList()) } ?: "none"
            throw ModelFileException(
                "${model.metadata.title}: expected a float32 tensor '$name' of shape ${pythonTuple(shape.asList())}. " +
                    "Received: $received among ${pythonRepr(tensors.keys.sorted())}",
            )
        }
    }

    private companion object {
        const val STATE = "state_"

        fun tensor(shape: IntArray) = FloatTensor(shape.fold(1, Int::times))

        /** Sum of squares: one look at every number, not finite if one of them is not. */
        fun power(x: FloatArray, size: Int): Float {
            var sum = 0f
            for (i in 0 until size) sum += x[i] * x[i]
            return sum
        }
    }
}
