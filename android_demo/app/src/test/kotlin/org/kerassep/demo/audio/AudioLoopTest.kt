package org.kerassep.demo.audio

import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Test
import org.kerassep.demo.fakes.FakeSink
import org.kerassep.demo.fakes.FakeSource
import org.kerassep.demo.fakes.FakeStepModel
import org.kerassep.demo.fakes.allocatedBytes
import org.kerassep.demo.fakes.cut
import org.kerassep.demo.fakes.noise
import org.kerassep.demo.fakes.separated
import org.kerassep.demo.fakes.separation
import org.kerassep.demo.fakes.sum
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit

class AudioLoopTest {
    private val song = noise(5000)
    private val ended = CountDownLatch(1)
    private var failure: AudioException? = null
    private var retired: Separation? = null
    private val listener = object : AudioLoop.Listener {
        override fun onEnd() = ended.countDown()

        override fun onFailure(error: AudioException) {
            failure = error
        }

        override fun onRetired(separation: Separation) {
            retired = separation
        }
    }
    private lateinit var loop: AudioLoop
    private lateinit var thread: Thread

    @After
    fun stop() {
        if (!::thread.isInitialized) return
        loop.stop()
        thread.join(TIMEOUT_MS)
        assertFalse("the audio thread did not end", thread.isAlive)
    }

    private fun start(
        source: AudioSource,
        sink: AudioSink,
        separation: Separation = separation(),
        mix: Mix = Mix.BOTH,
    ) {
        loop = AudioLoop(source, sink, separation, mix, listener)
        thread = Thread(loop, "audio").apply { start() }
        loop.play()
    }

    private fun awaitEnd() = assertTrue("the song did not end", ended.await(TIMEOUT_MS, TimeUnit.MILLISECONDS))

    /** What is played but for the silence that pushes it out. */
    private fun FakeSink.song(): FloatArray = played().cut(0, numSamples - FakeSink.CAPACITY)

    @Test
    fun `a song is separated to its last sample, the same bits as at once`() {
        for (sizes in listOf(listOf(512), listOf(1, 7, 300), listOf(511, 2))) {
            val sink = FakeSink()
            val playing = AudioLoopTest()
            playing.start(FakeSource(song, sizes = sizes), sink)
            playing.awaitEnd()
            playing.stop()
            val expected = sum(separated(song))
            assertArrayEquals(expected, sink.song(), 0f)
            assertFalse("a shift must not go unnoticed", expected.cut(1).contentEquals(sink.song().cut(0, 4999)))
        }
    }

    @Test
    fun `levels act on the stems`() {
        val sink = FakeSink()
        start(FakeSource(song), sink, mix = Mix.VOICE)
        awaitEnd()
        val settled = 882 // samples of the mixer's ramp, 20 ms
        val vocals = separated(song)[0]
        assertArrayEquals(vocals.cut(settled), sink.song().cut(settled), 0f)
        assertFalse(sum(separated(song)).cut(settled).contentEquals(sink.song().cut(settled)))
    }

    @Test
    fun `a song of another rate has its length at the sink's`() {
        val sink = FakeSink(StreamFormat(48000, 2))
        start(FakeSource(noise(4410)), sink, separation(to = sink.format))
        awaitEnd()
        assertEquals(4800.0, sink.numSamples - FakeSink.CAPACITY.toDouble(), 1.0)
    }

    @Test
    fun `pausing and going on changes no sample`() {
        val paused = CountDownLatch(1)
        val sink = FakeSink(beforeWrite = { written ->
            if (written in 1000..1999 && paused.count > 0) {
                loop.pause()
                paused.countDown()
            }
        })
        val source = FakeSource(song)
        start(source, sink)
        assertTrue(paused.await(TIMEOUT_MS, TimeUnit.MILLISECONDS))
        waitFor { "pause" in sink.calls }
        val before = sink.numSamples
        Thread.sleep(20)
        assertEquals("a paused loop must not play", before, sink.numSamples)
        assertTrue(before < 3000)
        loop.play()
        awaitEnd()
        assertArrayEquals(sum(separated(song)), sink.song(), 0f)
        assertFalse("a song's buffer is kept over a pause", "flush" in sink.calls)
        waitFor { source.calls.toList() == listOf("start", "pause", "start", "pause") }
    }

    @Test
    fun `a stopped loop plays nothing more`() {
        val sink = FakeSink(beforeWrite = { if (it >= 1000) loop.stop() })
        start(FakeSource(song), sink)
        thread.join(TIMEOUT_MS)
        assertFalse(thread.isAlive)
        assertTrue("it stops between two blocks", sink.numSamples <= 1000 + 2 * 512)
        assertEquals(1L, ended.count)
        assertEquals("pause", sink.calls.last())
    }

    @Test
    fun `after a seek the song goes on at that very sample`() {
        var sought = false
        val sink = FakeSink(beforeWrite = {
            if (it >= 1000 && !sought) {
                sought = true
                loop.seek(3210)
            }
        })
        start(FakeSource(song), sink)
        awaitEnd()
        val rest = sum(separated(song.cut(3210)))
        val played = sink.song()
        assertArrayEquals(rest, played.cut(played.size / 2 - rest.size / 2), 0f)
        assertTrue("what waited in the buffer is of the old place", "flush" in sink.calls)
        assertEquals(5000L, loop.position)
    }

    @Test
    fun `a paused song can be sought, and plays from there`() {
        val sink = FakeSink()
        val source = FakeSource(song)
        loop = AudioLoop(source, sink, separation(), Mix.BOTH, listener)
        thread = Thread(loop).apply { start() }
        loop.seek(4000)
        waitFor { loop.position == 4000L }
        assertEquals(0, sink.numSamples)
        loop.play()
        awaitEnd()
        assertArrayEquals(sum(separated(song.cut(4000))), sink.song(), 0f)
    }

    @Test
    fun `the position is what is heard, not what waits`() {
        val sink = FakeSink(beforeWrite = { if (it in 1000..1511) loop.pause() })
        start(FakeSource(song), sink)
        waitFor { "pause" in sink.calls }
        sink.pending = 100
        assertEquals(sink.numSamples - 100L, loop.position)
        loop.seek(4000)
        waitFor { "flush" in sink.calls }
        loop.play()
        awaitEnd()
        sink.pending = FakeSink.CAPACITY // the silence behind the song
        assertEquals(5000L, loop.position)
    }

    @Test
    fun `a seek at the very end is not lost`() {
        var sought = false
        val sink = FakeSink(room = 20_000, beforeWrite = {
            if (it == 5000 && !sought) { // the song is written, its padding is not
                sought = true
                loop.seek(4000)
                assertEquals("what is sought counts", 4000L, loop.position)
            }
        })
        start(FakeSource(song), sink)
        awaitEnd()
        assertArrayEquals(sum(separated(song.cut(4000))), sink.song().cut(sink.numSamples - 128 - 1000), 0f)
    }

    @Test
    fun `a song that ended can be played again`() {
        val sink = FakeSink()
        start(FakeSource(song), sink)
        awaitEnd()
        waitFor { "pause" in sink.calls }
        val once = sink.numSamples
        loop.seek(0)
        loop.play()
        waitFor { sink.numSamples == 2 * once }
        assertArrayEquals(sink.played().cut(0, once), sink.played().cut(once), 0f)
    }

    @Test
    fun `another model takes over where the old one was`() {
        val louder = FakeStepModel(vocalsShare = 0.75f)
        val old = separation()
        var asked = false
        val sink = FakeSink(beforeWrite = {
            if (it >= 2000 && !asked) {
                asked = true
                assertNull(loop.replace(separation(louder)))
            }
        })
        start(FakeSource(song), sink, old, Mix.VOICE)
        awaitEnd()
        assertSame(old, retired)
        val before = separated(song)[0]
        val after = separated(song, louder)[0]
        val played = sink.song()
        assertEquals("no sample is lost or played twice", song.size, played.size)
        val settled = 882
        val change = (settled until 5000).first { played[2 * it] != before[2 * it] }
        assertArrayEquals(before.cut(settled, change), played.cut(settled, change), 0f)
        assertTrue("at once, between two blocks: $change", change in 2000..2000 + 2 * 512)
        // The new mixer's ramp has to settle again: it begins with both stems.
        assertArrayEquals(after.cut(change + settled), played.cut(change + settled), 0f)
    }

    @Test
    fun `what a source or a sink reports ends the loop`() {
        for (broken in listOf(
            FakeSource(song, beforeRead = { if (it == 3) throw AudioException(Problem.FILE_UNREADABLE, "damaged") }) to
                FakeSink(),
            FakeSource(song) to
                FakeSink(beforeWrite = { if (it > 900) throw AudioException(Problem.FILE_UNREADABLE, "damaged") }),
        )) {
            val playing = AudioLoopTest()
            playing.start(broken.first, broken.second)
            playing.thread.join(TIMEOUT_MS)
            assertFalse(playing.thread.isAlive)
            assertEquals("damaged", playing.failure?.message)
            assertEquals("pause", broken.second.calls.last())
        }
    }

    @Test
    fun `live sound starts over a cushion and is late by the stems' delay alone`() {
        val sink = FakeSink()
        val reads = 8
        val source = FakeSource(song, live = true, sizes = listOf(100), beforeRead = { if (it == reads) loop.stop() })
        start(source, sink)
        thread.join(TIMEOUT_MS)
        val late = FakeStepModel.SPEC.algorithmicLatency
        val cushion = 64
        val played = sink.played()
        assertTrue(played.cut(0, cushion + late).all { it == 0f })
        val expected = sum(separated(song)).cut(0, reads * 100 - late)
        assertArrayEquals(expected, played.cut(cushion + late, cushion + reads * 100), 0f)
    }

    @Test
    fun `a live sink that ran dry gets a longer cushion, and what has no room is counted`() {
        val sink = FakeSink()
        val source = FakeSource(
            song, live = true, sizes = listOf(100),
            beforeRead = {
                when (it) {
                    3 -> sink.underruns = 1
                    5 -> sink.offered = 40
                    7 -> loop.stop()
                }
            },
        )
        start(source, sink)
        thread.join(TIMEOUT_MS)
        assertEquals(1, sink.calls.count { it == "widen" })
        assertEquals(128, sink.cushion)
        assertEquals("reads 5, 6 and 7", 3, loop.overruns)
        assertTrue("late sound is dropped at the end", sink.calls.last() == "flush")
    }

    @Test
    fun `a block allocates nothing`() {
        fun bytesOf(waste: Boolean): Long {
            var begin = 0L
            var end = 0L
            val source = FakeSource(
                noise(600_000), sizes = listOf(512),
                beforeRead = {
                    if (it == 199) allocatedBytes() // its classes are loaded now
                    if (it == 200) begin = allocatedBytes()
                    if (it == 1000) end = allocatedBytes()
                    if (waste) wasted = FloatArray(16)
                },
            )
            val playing = AudioLoopTest()
            playing.start(source, FakeSink())
            playing.awaitEnd()
            playing.stop()
            return end - begin
        }
        val bytes = bytesOf(waste = false)
        println("800 blocks: $bytes bytes, of which some are the measurement's own")
        assertTrue("$bytes bytes in 800 blocks", bytes < 800 * 8) // the smallest object has 16
        assertTrue("an allocation in each block must not go unnoticed", bytesOf(waste = true) > 800 * 64)
    }

    private var wasted = FloatArray(0)

    private fun waitFor(condition: () -> Boolean) {
        val deadline = System.nanoTime() + TIMEOUT_MS * 1_000_000
        while (!condition()) {
            assertTrue("waited in vain", System.nanoTime() < deadline)
            Thread.sleep(1)
        }
    }

    private companion object {
        const val TIMEOUT_MS = 10_000L
    }
}
