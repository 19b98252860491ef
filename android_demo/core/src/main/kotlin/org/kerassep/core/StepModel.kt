package org.kerassep.core

import java.nio.ByteBuffer

/**
 * The signature `step` of an opened .tflite file: one frame in, one frame of each source out, states in and out.
 *
 * Implemented by the LiteRT interpreter on Android and by fakes in tests. Tensors are float32 and found by name.
 */
interface StepModel : AutoCloseable {
    val metadata: ModelMetadata

    /** Shape of every input by name: `magnitude` or `samples`, and `state_*`. */
    val inputs: Map<String, IntArray>

    /** Shape of every output by name: one a source, and `new_state_*`. */
    val outputs: Map<String, IntArray>

    /**
     * Binds memory for every input and output, once; the result runs on it any number of times.
     *
     * @param inputs direct buffers in native order, by name; the caller keeps them and writes before a run.
     * @param outputs the same for outputs, which a run fills; no buffer is both an input and an output.
     */
    fun bind(inputs: Map<String, ByteBuffer>, outputs: Map<String, ByteBuffer>): BoundStep
}
