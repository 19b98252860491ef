package org.kerassep.demo.model

import org.kerassep.core.BoundStep
import org.kerassep.core.ModelFileException
import org.kerassep.core.ModelMetadata
import org.kerassep.core.StepModel
import org.tensorflow.lite.DataType
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.Tensor
import java.nio.Buffer
import java.nio.ByteBuffer

/**
 * A .tflite file in LiteRT's interpreter, on one thread: a step is too small for two, and a second one makes the
 * slowest steps slower. XNNPACK runs what it can.
 *
 * @param file the whole file, mapped or direct.
 * @param name what to call it in errors.
 * @throws ModelFileException it is damaged, not ours, or does not run here.
 */
class LiteRtStep(file: ByteBuffer, private val name: String) : StepModel {
    override val metadata = ModelMetadata.read(file, name) // first, because interpreters crash on damaged files

    private val interpreter = orRefuse(name) {
        Interpreter(file, Interpreter.Options().setNumThreads(1).setUseXNNPACK(true))
    }
    override val inputs = shapes(Interpreter::getSignatureInputs, Interpreter::getInputTensorFromSignature)
    override val outputs = shapes(Interpreter::getSignatureOutputs, Interpreter::getOutputTensorFromSignature)

    override fun bind(inputs: Map<String, ByteBuffer>, outputs: Map<String, ByteBuffer>): BoundStep {
        // The runtime's maps want Any; they are made once, so that a step allocates as little as it can.
        val from: Map<String, Any> = HashMap<String, Any>(inputs)
        val into: Map<String, Any> = HashMap<String, Any>(outputs)
        // As Buffer: before Android 14, ByteBuffer has no rewind() of its own.
        val all: Array<Buffer> = (inputs.values + outputs.values).toTypedArray()
        return BoundStep {
            for (buffer in all) buffer.rewind() // the interpreter copies relative to the position, and moves it
            orRefuse(name) { interpreter.runSignature(from, into, SIGNATURE) }
        }
    }

    override fun close() = interpreter.close()

    private fun shapes(
        names: Interpreter.(String) -> Array<String>,
        tensor: Interpreter.(String, String) -> Tensor,
    ): Map<String, IntArray> =
        try {
            orRefuse(name) {
                interpreter.names(SIGNATURE).associateWith { shape(name, it, interpreter.tensor(it, SIGNATURE)) }
            }
        } catch (error: ModelFileException) {
            interpreter.close()
            throw error
        }

    private companion object {
        const val SIGNATURE = "step"

        fun shape(model: String, name: String, tensor: Tensor): IntArray {
            if (tensor.dataType() != DataType.FLOAT32) {
                throw ModelFileException("$model: expected float32 in '$name'. Received: ${tensor.dataType()}")
            }
            return tensor.shape()
        }

        /** The runtime says what it does not like by exceptions of the language, and a missing library by an error. */
        inline fun <T> orRefuse(model: String, call: () -> T): T =
            try {
                call()
            } catch (error: IllegalArgumentException) {
                throw ModelFileException("$model: LiteRT cannot run this file: ${error.message}")
            } catch (error: IllegalStateException) {
                throw ModelFileException("$model: LiteRT cannot run this file: ${error.message}")
            } catch (error: LinkageError) {
                throw ModelFileException("$model: LiteRT does not run on this device: ${error.message}")
            }
    }
}
