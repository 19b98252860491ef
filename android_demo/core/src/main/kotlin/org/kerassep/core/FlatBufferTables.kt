package org.kerassep.core

import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * Reads a FlatBuffer's tables; a position of 0 stands for an absent field.
 *
 * Every function throws IndexOutOfBoundsException where the buffer points outside itself.
 */
internal class FlatBufferTables(content: ByteBuffer) {
    private val content = content.duplicate().order(ByteOrder.LITTLE_ENDIAN)
    private val size = content.limit().toLong()

    fun root(): Int = follow(0)

    /** Position of a table's field. */
    fun field(table: Int, number: Int): Int {
        val vtable = inside(table - content.getInt(table).toLong())
        val slot = 4 + 2 * number
        val offset = if (slot < uint16(vtable)) uint16(vtable + slot) else 0
        return if (offset == 0) 0 else inside(table + offset.toLong())
    }

    /** A field that is a 32-bit number; 0, its default, where absent. */
    fun uint32(field: Int): Long = if (field == 0) 0 else content.getInt(field).toLong() and 0xffffffffL

    /** Positions of the tables in a vector. */
    fun tables(field: Int): IntArray {
        if (field == 0) return IntArray(0)
        val start = follow(field)
        val count = uint32(start)
        inside(start + 4 * count) // before an array of that size is asked for
        return IntArray(count.toInt()) { follow(start + 4 + 4 * it) }
    }

    /** What a vector of bytes or a string holds. */
    fun bytes(field: Int): ByteArray {
        if (field == 0) return ByteArray(0)
        val start = follow(field)
        val count = uint32(start)
        inside(start + 3 + count)
        val bytes = ByteArray(count.toInt())
        for (i in bytes.indices) bytes[i] = content[start + 4 + i]
        return bytes
    }

    private fun follow(place: Int): Int = inside(place + (content.getInt(place).toLong() and 0xffffffffL))

    private fun uint16(place: Int): Int = content.getShort(place).toInt() and 0xffff

    private fun inside(place: Long): Int {
        if (place !in 0 until size) throw IndexOutOfBoundsException("place $place of $size bytes")
        return place.toInt()
    }
}
