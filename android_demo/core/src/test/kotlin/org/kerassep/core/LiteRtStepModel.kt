package org.kerassep.core

import com.sun.jna.Memory
import com.sun.jna.Native
import com.sun.jna.NativeLibrary
import com.sun.jna.Pointer
import java.io.File
import java.nio.ByteBuffer
import java.nio.file.Files

/** A .tflite file run by the desktop's libLiteRt, on one thread, as the application runs it on Android. */
class LiteRtStepModel(file: File) : StepModel {
    private val content: ByteBuffer
    override val metadata: ModelMetadata
    private val environment: Long
    private val model: Long
    private val compiled: Long
    private val signatureIndex: Long
    private val inputTensors: Map<String, Tensor> // in the signature's order
    private val outputTensors: Map<String, Tensor>
    private val buffers = ArrayList<Long>()

    init {
        LiteRt.load()
        check(file.isFile) { "$file: expected a .tflite file. Received: none; run `make test-android`" }
        val bytes = Files.readAllBytes(file.toPath())
        content = ByteBuffer.allocateDirect(bytes.size).put(bytes)
        metadata = ModelMetadata.read(content, file.name)
        environment = createEnvironment()
        model = LiteRt.result("LiteRtCreateModelFromBuffer") {
            LiteRt.LiteRtCreateModelFromBuffer(environment, pointer(content), bytes.size.toLong(), it)
        }
        val count = LiteRt.result("LiteRtGetNumModelSignatures") { LiteRt.LiteRtGetNumModelSignatures(model, it) }
        signatureIndex = (0 until count).first { index ->
            LiteRt.text("LiteRtGetSignatureKey") { LiteRt.LiteRtGetSignatureKey(signature(index), it) } == "step"
        }
        val signature = signature(signatureIndex)
        val numInputs = LiteRt.result("LiteRtGetNumSignatureInputs") {
            LiteRt.LiteRtGetNumSignatureInputs(signature, it)
        }
        inputTensors = (0 until numInputs).associate { index ->
            LiteRt.text("LiteRtGetSignatureInputName") {
                LiteRt.LiteRtGetSignatureInputName(signature, index, it)
            } to Tensor(
                LiteRt.result("LiteRtGetSignatureInputTensorByIndex") {
                    LiteRt.LiteRtGetSignatureInputTensorByIndex(signature, index, it)
                },
            )
        }
        val numOutputs = LiteRt.result("LiteRtGetNumSignatureOutputs") {
            LiteRt.LiteRtGetNumSignatureOutputs(signature, it)
        }
        outputTensors = (0 until numOutputs).associate { index ->
            LiteRt.text("LiteRtGetSignatureOutputName") {
                LiteRt.LiteRtGetSignatureOutputName(signature, index, it)
            } to Tensor(
                LiteRt.result("LiteRtGetSignatureOutputTensorByIndex") {
                    LiteRt.LiteRtGetSignatureOutputTensorByIndex(signature, index, it)
                },
            )
        }
        compiled = compile()
    }

    override val inputs = inputTensors.mapValues { it.value.shape }
    override val outputs = outputTensors.mapValues { it.value.shape }

    override fun bind(inputs: Map<String, ByteBuffer>, outputs: Map<String, ByteBuffer>): BoundStep {
        val bound = listOf(inputTensors to inputs, outputTensors to outputs).map { (tensors, memory) ->
            val handles = Memory(Long.SIZE_BYTES.toLong() * tensors.size)
            tensors.entries.forEachIndexed { i, (name, tensor) ->
                handles.setLong(Long.SIZE_BYTES.toLong() * i, tensor.over(memory.getValue(name)).also(buffers::add))
            }
            handles
        }
        return Bound(bound[0], inputTensors.size.toLong(), bound[1], outputTensors.size.toLong())
    }

    override fun close() {
        LiteRt.LiteRtDestroyCompiledModel(compiled)
        buffers.forEach(LiteRt::LiteRtDestroyTensorBuffer)
        LiteRt.LiteRtDestroyModel(model)
        LiteRt.LiteRtDestroyEnvironment(environment)
    }

    /** The addresses are read once: a run passes numbers and allocates nothing. */
    private inner class Bound(
        private val inputs: Memory, private val numInputs: Long,
        private val outputs: Memory, private val numOutputs: Long,
    ) : BoundStep {
        private val inputsAddress = Pointer.nativeValue(inputs)
        private val outputsAddress = Pointer.nativeValue(outputs)

        override fun run() {
            val status = LiteRt.LiteRtRunCompiledModel(
                compiled, signatureIndex, numInputs, inputsAddress, numOutputs, outputsAddress,
            )
            if (status != 0) error("LiteRT: LiteRtRunCompiledModel gave status $status")
        }
    }

    private fun signature(index: Long): Long =
        LiteRt.result("LiteRtGetModelSignature") { LiteRt.LiteRtGetModelSignature(model, index, it) }

    private fun compile(): Long {
        val options = LiteRt.result("LiteRtCreateOptions") { LiteRt.LiteRtCreateOptions(it) }
        LiteRt.succeed(
            "LiteRtSetOptionsHardwareAccelerators", LiteRt.LiteRtSetOptionsHardwareAccelerators(options, CPU),
        )
        val text = "num_threads = 1\n"
        val payload = Native.malloc(text.length + 1L)
        Pointer(payload).setString(0, text)
        val free = NativeLibrary.getInstance("c").getFunction("free")
        val opaque = LiteRt.result("LiteRtCreateOpaqueOptions") {
            LiteRt.LiteRtCreateOpaqueOptions(string("xnnpack"), payload, free, it)
        }
        LiteRt.succeed("LiteRtAddOpaqueOptions", LiteRt.LiteRtAddOpaqueOptions(options, opaque))
        val compiled = LiteRt.result("LiteRtCreateCompiledModel") {
            LiteRt.LiteRtCreateCompiledModel(environment, model, options, it)
        }
        LiteRt.LiteRtDestroyOptions(options)
        return compiled
    }

    /** A float32 tensor of the signature. */
    private class Tensor(handle: Long) {
        private val type = Memory(TYPE_BYTES)
        val shape: IntArray

        init {
            type.clear()
            LiteRt.succeed("LiteRtGetRankedTensorType", LiteRt.LiteRtGetRankedTensorType(handle, type))
            check(type.getInt(0) == LiteRt.FLOAT32) { "expected a float32 tensor. Received: type ${type.getInt(0)}" }
            shape = type.getIntArray(DIMENSIONS, type.getByte(RANK).toInt() and 0x7f)
        }

        /** LiteRT's handle of the caller's memory. */
        fun over(memory: ByteBuffer): Long {
            val size = Float.SIZE_BYTES.toLong() * shape.fold(1, Int::times)
            check(memory.isDirect && memory.capacity() >= size) { "expected $size direct bytes. Received: $memory" }
            val place = pointer(memory)
            check(Pointer.nativeValue(place) % LiteRt.HOST_MEMORY_ALIGNMENT == 0L) {
                "expected memory at a multiple of ${LiteRt.HOST_MEMORY_ALIGNMENT} bytes: " +
                    "run Java with -Dsun.nio.PageAlignDirectMemory=true, as the build does"
            }
            return LiteRt.result("LiteRtCreateTensorBufferFromHostMemory") {
                LiteRt.LiteRtCreateTensorBufferFromHostMemory(type, place, size, 0, it)
            }
        }

        private companion object {
            // LiteRtRankedTensorType: the element type, the rank in 7 bits, 8 dimensions, 8 strides.
            const val TYPE_BYTES = 72L
            const val RANK = 4L
            const val DIMENSIONS = 8L
        }
    }

    private companion object {
        const val CPU = 1
        const val OPTION_BYTES = 24L
        const val AUTO_REGISTER_ACCELERATORS = 24
        const val MIN_LOGGER_SEVERITY = 25
        const val SILENT = 4
        const val ANY_INT = 2

        /** Only the CPU, and no log. */
        fun createEnvironment(): Long {
            val options = Memory(2 * OPTION_BYTES)
            options.clear()
            listOf(AUTO_REGISTER_ACCELERATORS to CPU, MIN_LOGGER_SEVERITY to SILENT).forEachIndexed { i, (tag, value) ->
                options.setInt(i * OPTION_BYTES, tag)
                options.setInt(i * OPTION_BYTES + 8, ANY_INT)
                options.setLong(i * OPTION_BYTES + 16, value.toLong())
            }
            return LiteRt.result("LiteRtCreateEnvironment") { LiteRt.LiteRtCreateEnvironment(2, options, it) }
        }

        fun pointer(memory: ByteBuffer): Pointer = Native.getDirectBufferPointer(memory)

        fun string(text: String): Pointer = Memory(text.length + 1L).apply { setString(0, text) }
    }
}
