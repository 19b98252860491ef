package org.kerassep.core

import java.io.File

/** A .tflite file, and what Python's separator and bare step make of the mixture with it. */
class GoldenModel(entry: Map<String, Any?>) {
    val file = File(Golden.folder, entry["file"] as String)
    val graph = entry["graph"] as String
    val precision = entry["precision"] as String
    val metadata = Golden.fields(entry["metadata"])
    val seesMidSide = "mid" in (Golden.fields(metadata["spec"])["views"] as? List<*>).orEmpty()

    /** By source: the stems of the whole mixture and of the flush. */
    val stems: Map<String, FloatArray> = Golden.fields(entry["stems"]).mapValues { Golden.floats(it.value) }

    /** By source: stems of the mixture's second half, after a reset. */
    val resetStems: Map<String, FloatArray> =
        (Golden.fields(entry["reset_stems"]) - "samples").mapValues { Golden.floats(it.value) }

    /** Inputs of the bare step, one after the other, and by name its outputs from zero states. */
    val stepInput: FloatArray
    val stepOutputs: Map<String, FloatArray>

    init {
        val step = Golden.fields(entry["step"])
        stepInput = Golden.floats(step["input"])
        stepOutputs = Golden.fields(step["outputs"]).mapValues { Golden.floats(it.value) }
    }

    fun open(): StepModel = LiteRtStepModel(file)

    override fun toString(): String = file.name
}
