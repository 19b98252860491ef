package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.concurrent.thread
import kotlin.random.Random

class AudioRingTest {
    @Test
    fun `what goes in comes out, in order, as far as there is room`() {
        val ring = AudioRing(5, 2)
        assertEquals(3, ring.write(floatArrayOf(9f, 9f, 1f, 2f, 3f, 4f, 5f, 6f), 1, 3))
        assertEquals(3, ring.available)
        assertEquals(2, ring.free)
        assertEquals(2, ring.write(floatArrayOf(7f, 8f, 9f, 10f, 11f, 12f), 0, 3))
        val out = FloatArray(8)
        assertEquals(3, ring.read(out, 1, 3))
        assertArrayEquals(floatArrayOf(0f, 0f, 1f, 2f, 3f, 4f, 5f, 6f), out)
        assertEquals(1, ring.write(floatArrayOf(11f, 12f), 0, 1))
        assertEquals(3, ring.read(out, 0, 4))
        assertArrayEquals(floatArrayOf(7f, 8f, 9f, 10f, 11f, 12f, 5f, 6f), out)
        assertEquals(0, ring.read(out, 0, 4))
    }

    @Test
    fun `clear drops what is there`() {
        val ring = AudioRing(4, 1)
        ring.write(FloatArray(3), 0, 3)
        ring.clear()
        assertEquals(0, ring.available)
        assertEquals(4, ring.write(FloatArray(5), 0, 5))
    }

    @Test
    fun `no room for a sample is refused`() {
        val error = assertThrows(IllegalArgumentException::class.java) { AudioRing(0, 2) }
        assertEquals("AudioRing: expected at least 1 sample and channel. Received: 0 of 2", error.message)
    }

    @Test
    fun `two threads, every sample once and in order`() {
        val total = 2_000_000
        val ring = AudioRing(997, 2)
        val writer = thread {
            val random = Random(1)
            val block = FloatArray(2 * 512)
            var next = 0
            while (next < total) {
                val size = minOf(total - next, random.nextInt(513))
                for (i in 0 until size) {
                    block[2 * i] = (next + i).toFloat() // exact below 2^24
                    block[2 * i + 1] = -block[2 * i]
                }
                var sent = 0
                while (sent < size) {
                    val done = ring.write(block, sent, size - sent)
                    if (done == 0) Thread.yield()
                    sent += done
                }
                next += size
            }
        }
        val random = Random(2)
        val block = FloatArray(2 * 512)
        var next = 0
        var wrong = 0
        while (next < total) {
            val size = ring.read(block, 0, random.nextInt(513))
            if (size == 0) Thread.yield()
            for (i in 0 until size) {
                if (block[2 * i] != (next + i).toFloat() || block[2 * i + 1] != -block[2 * i]) wrong++
            }
            next += size
            assertTrue(ring.available in 0..997)
        }
        writer.join()
        assertEquals(0, wrong)
        assertEquals(total, next)
    }
}
