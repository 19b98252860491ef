package org.kerassep.core

import java.nio.Buffer
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** float32 memory that is shared with a runtime: [bytes] for it, copies in and out for the rest. */
internal class FloatTensor(val size: Int) {
    val bytes: ByteBuffer = ByteBuffer.allocateDirect(size * Float.SIZE_BYTES).order(ByteOrder.nativeOrder())
    private val floats = bytes.asFloatBuffer()

    fun set(values: FloatArray) {
        rewind(floats)
        floats.put(values, 0, size)
    }

    fun get(values: FloatArray) {
        rewind(floats)
        floats.get(values, 0, size)
    }

    /** Through Buffer: on Java 8 and old Androids, FloatBuffer has no clear() of its own. */
    private fun rewind(buffer: Buffer) {
        buffer.clear()
    }
}
