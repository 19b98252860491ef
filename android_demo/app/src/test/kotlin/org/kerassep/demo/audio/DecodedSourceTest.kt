package org.kerassep.demo.audio

import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.kerassep.demo.fakes.FakeDecoder
import org.kerassep.demo.fakes.cut
import org.kerassep.demo.fakes.noise

class DecodedSourceTest {
    private val song = noise(60_000) // longer than what is decoded ahead
    private val decoder = FakeDecoder(song)
    private val source by lazy { DecodedSource(decoder) { name, _, body -> Thread(body, name).apply { start() } } }

    @After
    fun close() = source.close()

    /** Reads to the end, or [most] samples, in blocks of [size]. */
    private fun read(most: Int = Int.MAX_VALUE, size: Int = 500): FloatArray {
        val block = FloatArray(2 * size)
        val all = FloatArray(song.size)
        var done = 0
        val deadline = System.nanoTime() + 10_000_000_000
        while (done < most) {
            assertTrue("waited in vain for samples", System.nanoTime() < deadline)
            val count = source.read(block, minOf(size, most - done))
            if (count == AudioSource.END) break
            block.copyInto(all, 2 * done, 0, 2 * count)
            done += count
        }
        return all.cut(0, done)
    }

    @Test
    fun `every sample comes once, in order`() {
        assertArrayEquals(song, read(), 0f)
        assertEquals("and then the end, for ever", AudioSource.END, source.read(FloatArray(2), 1))
    }

    @Test
    fun `after a seek comes that sample, and nothing of the old place`() {
        read(most = 1000)
        repeat(200) { // a race that is lost now and then
            for (target in listOf(40_000, 0, 59_999, 12_345)) {
                source.seek(target.toLong())
                assertArrayEquals(song.cut(target, minOf(target + 700, 60_000)), read(most = 700), 0f)
            }
        }
    }

    @Test
    fun `of several seeks the last one counts`() {
        repeat(50) { source.seek(it * 1000L) }
        source.seek(7)
        assertArrayEquals(song.cut(7), read(), 0f)
    }

    @Test
    fun `the end can be left again`() {
        read()
        source.seek(100)
        assertArrayEquals(song.cut(100), read(), 0f)
    }

    @Test
    fun `what was decoded before the damage is played`() {
        decoder.damagedAt = 5000
        val block = FloatArray(2)
        assertArrayEquals(song.cut(0, 5000), read(most = 5000), 0f)
        val error = assertThrows(AudioException::class.java) {
            while (source.read(block, 1) == 0) Thread.sleep(1)
        }
        assertEquals(Problem.FILE_UNREADABLE, error.problem)
    }

    @Test
    fun `closing closes the decoder`() {
        read(most = 10)
        source.close()
        val deadline = System.nanoTime() + 10_000_000_000
        while (!decoder.closed && System.nanoTime() < deadline) Thread.sleep(1)
        assertTrue(decoder.closed)
    }
}
