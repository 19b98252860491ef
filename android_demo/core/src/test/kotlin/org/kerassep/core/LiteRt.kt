package org.kerassep.core

import com.sun.jna.Memory
import com.sun.jna.Native
import com.sun.jna.NativeLibrary
import com.sun.jna.Pointer
import java.io.File

/**
 * LiteRT's C API, release 2.3.0, by JNA's direct mapping (c_demo/litert.h has the declarations with their types).
 * Handles and pointers are Longs, so that a call allocates nothing on the JVM; a status of 0 is success.
 */
@Suppress("FunctionName", "LongParameterList") // the library's names
object LiteRt {
    const val HOST_MEMORY_ALIGNMENT = 64L
    const val FLOAT32 = 1

    private val loaded by lazy {
        val path = System.getProperty("kerassep.litert")
        check(path != null && File(path).isFile) {
            "-Dkerassep.litert: expected the path of libLiteRt.so. Received: ${path ?: "none"}; run `make test-android`"
        }
        Native.register(LiteRt::class.java, NativeLibrary.getInstance(path))
    }

    /** To be called before any other function. */
    fun load() = loaded

    @JvmStatic external fun LiteRtCreateEnvironment(numOptions: Int, options: Pointer, environment: Pointer): Int
    @JvmStatic external fun LiteRtDestroyEnvironment(environment: Long)

    @JvmStatic
    external fun LiteRtCreateModelFromBuffer(environment: Long, content: Pointer, numBytes: Long, model: Pointer): Int
    @JvmStatic external fun LiteRtDestroyModel(model: Long)
    @JvmStatic external fun LiteRtGetNumModelSignatures(model: Long, count: Pointer): Int
    @JvmStatic external fun LiteRtGetModelSignature(model: Long, index: Long, signature: Pointer): Int
    @JvmStatic external fun LiteRtGetSignatureKey(signature: Long, key: Pointer): Int
    @JvmStatic external fun LiteRtGetNumSignatureInputs(signature: Long, count: Pointer): Int
    @JvmStatic external fun LiteRtGetSignatureInputName(signature: Long, index: Long, name: Pointer): Int
    @JvmStatic external fun LiteRtGetSignatureInputTensorByIndex(signature: Long, index: Long, tensor: Pointer): Int
    @JvmStatic external fun LiteRtGetNumSignatureOutputs(signature: Long, count: Pointer): Int
    @JvmStatic external fun LiteRtGetSignatureOutputName(signature: Long, index: Long, name: Pointer): Int
    @JvmStatic external fun LiteRtGetSignatureOutputTensorByIndex(signature: Long, index: Long, tensor: Pointer): Int
    @JvmStatic external fun LiteRtGetRankedTensorType(tensor: Long, type: Pointer): Int

    @JvmStatic external fun LiteRtCreateOptions(options: Pointer): Int
    @JvmStatic external fun LiteRtSetOptionsHardwareAccelerators(options: Long, accelerators: Int): Int
    @JvmStatic external fun LiteRtDestroyOptions(options: Long)
    @JvmStatic external fun LiteRtAddOpaqueOptions(options: Long, opaque: Long): Int

    @JvmStatic
    external fun LiteRtCreateOpaqueOptions(identifier: Pointer, payload: Long, destroy: Pointer, options: Pointer): Int

    @JvmStatic
    external fun LiteRtCreateTensorBufferFromHostMemory(
        type: Pointer, memory: Pointer, numBytes: Long, destroy: Long, buffer: Pointer,
    ): Int
    @JvmStatic external fun LiteRtDestroyTensorBuffer(buffer: Long)

    @JvmStatic
    external fun LiteRtCreateCompiledModel(environment: Long, model: Long, options: Long, compiled: Pointer): Int
    @JvmStatic external fun LiteRtDestroyCompiledModel(compiled: Long)

    @JvmStatic
    external fun LiteRtRunCompiledModel(
        compiled: Long, signatureIndex: Long, numInputs: Long, inputs: Long, numOutputs: Long, outputs: Long,
    ): Int

    /** What a function writes through its last argument. */
    inline fun result(name: String, call: (Pointer) -> Int): Long {
        val out = Memory(Long.SIZE_BYTES.toLong())
        out.clear()
        succeed(name, call(out))
        return out.getLong(0)
    }

    fun text(name: String, call: (Pointer) -> Int): String = Pointer(result(name, call)).getString(0)

    fun succeed(name: String, status: Int) = check(status == 0) { "LiteRT: $name gave status $status" }
}
