package org.kerassep.core

import java.nio.ByteBuffer

/** A real model that is run wrongly, for negative controls. */
class TamperedStepModel(
    private val model: StepModel,
    private val run: (own: BoundStep, first: BoundStep, inputs: Map<String, ByteBuffer>) -> Unit,
) : StepModel by model {
    private var first: BoundStep? = null

    override fun bind(inputs: Map<String, ByteBuffer>, outputs: Map<String, ByteBuffer>): BoundStep {
        val own = model.bind(inputs, outputs)
        val first = first ?: own.also { first = it }
        return BoundStep { run(own, first, inputs) }
    }
}
