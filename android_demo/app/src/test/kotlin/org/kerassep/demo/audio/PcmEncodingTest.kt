package org.kerassep.demo.audio

import org.junit.Assert.assertArrayEquals
import org.junit.Test
import java.nio.ByteBuffer

class PcmEncodingTest {
    private fun convert(encoding: PcmEncoding, vararg bytes: Int): FloatArray {
        val buffer = ByteBuffer.allocateDirect(1 + bytes.size) // big-endian, as Java makes them
        bytes.forEachIndexed { i, byte -> buffer.put(1 + i, byte.toByte()) }
        val count = bytes.size / encoding.bytes
        return FloatArray(count).also { encoding.convert(buffer, start = 1, count, it) }
    }

    @Test
    fun `full scale is one`() {
        assertArrayEquals(floatArrayOf(-1f, 0f, 127 / 128f), convert(PcmEncoding.UNSIGNED_8, 0, 128, 255), 0f)
        assertArrayEquals(
            floatArrayOf(-1f, 1 / 32768f, 32767 / 32768f, -1 / 32768f),
            convert(PcmEncoding.SIGNED_16, 0x00, 0x80, 1, 0, 0xFF, 0x7F, 0xFF, 0xFF), 0f,
        )
        assertArrayEquals(
            floatArrayOf(-1f, 1 / 8388608f, -1 / 8388608f),
            convert(PcmEncoding.SIGNED_24, 0, 0, 0x80, 1, 0, 0, 0xFF, 0xFF, 0xFF), 0f,
        )
        assertArrayEquals(
            floatArrayOf(-1f, 0.5f),
            convert(PcmEncoding.SIGNED_32, 0, 0, 0, 0x80, 0, 0, 0, 0x40), 0f,
        )
        assertArrayEquals(floatArrayOf(-0.75f), convert(PcmEncoding.FLOAT, 0, 0, 0x40, 0xBF), 0f)
    }
}
