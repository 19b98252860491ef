package org.kerassep.demo.audio

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** How a decoder writes a sample down; all become float32 of full scale ±1. */
enum class PcmEncoding(val bytes: Int) {
    UNSIGNED_8(1) {
        override fun read(from: ByteBuffer, at: Int) = ((from[at].toInt() and 0xFF) - 128) / 128f
    },
    SIGNED_16(2) {
        override fun read(from: ByteBuffer, at: Int) = from.getShort(at) / 32768f
    },
    SIGNED_24(3) {
        override fun read(from: ByteBuffer, at: Int): Float {
            val low = (from[at].toInt() and 0xFF) or ((from[at + 1].toInt() and 0xFF) shl 8)
            return (low or (from[at + 2].toInt() shl 16)) / 8388608f
        }
    },
    SIGNED_32(4) {
        override fun read(from: ByteBuffer, at: Int) = from.getInt(at) / 2147483648f
    },
    FLOAT(4) {
        override fun read(from: ByteBuffer, at: Int) = from.getFloat(at)
    };

    protected abstract fun read(from: ByteBuffer, at: Int): Float

    /** Converts [count] numbers that begin at byte [start]; little-endian, as all of Android is. */
    fun convert(from: ByteBuffer, start: Int, count: Int, into: FloatArray) {
        from.order(ByteOrder.LITTLE_ENDIAN)
        for (i in 0 until count) into[i] = read(from, start + i * bytes)
    }
}
