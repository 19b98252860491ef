package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.lang.management.ManagementFactory

/** The hot paths allocate nothing: not a byte in thousands of calls, the network's step included. */
class AllocationTest {
    private val threads = ManagementFactory.getThreadMXBean() as com.sun.management.ThreadMXBean
    private val self = Thread.currentThread().id

    @Volatile
    private var sink: Any? = null

    /**
     * Bytes that this thread allocates in [times] calls: the least of a few rounds, because what the JVM itself does
     * for the first calls (loading a class, say) it does once.
     */
    private inline fun allocated(times: Int, call: () -> Unit): Long {
        var least = Long.MAX_VALUE
        var round = 0
        while (least > 0 && round++ < ROUNDS) {
            val before = threads.getThreadAllocatedBytes(self)
            for (i in 0 until times) call()
            least = minOf(least, threads.getThreadAllocatedBytes(self) - before)
        }
        return least
    }

    @Test
    fun `an allocation is seen, be it rare or one that the compiler could remove`() {
        var calls = 0
        assertEquals(0, allocated(1000) {})
        assertTrue(allocated(1000) { sink = ByteArray(1) } >= 16_000)
        assertTrue(allocated(1000) { if (calls++ % 500 == 0) sink = ByteArray(1) } >= 16)
        assertTrue(allocated(1000) { calls += Pair(calls, 1).second } >= 16_000)
    }

    @Test
    fun `separating, by the real networks`() {
        for (golden in Golden.models.filter { "dynamic" in it.precision || it.seesMidSide }) {
            StreamingSeparator(golden.open()).use { separator ->
                val block = Golden.mixture.copyOf(2 * 480)
                val stems = Array(2) { FloatArray(2 * 480) }
                assertEquals(0, allocated(2000) { separator.push(block, 0, 480, stems, 0) }, "$golden")
                assertTrue(separator.timer.count > 1000)
            }
        }
    }

    @Test
    fun `the whole pipeline, by a real network`() {
        val golden = Golden.models.first { it.precision == "dynamic_int8" && it.graph == "waveform" }
        LivePipeline(golden.open(), 48000, 2, 48000, 2).use { pipeline ->
            val block = Golden.mixture.copyOf(2 * 480)
            val output = FloatArray(2 * pipeline.maxOutput(480))
            val column = FloatArray(pipeline.vocalsSpectrogram.numBands)
            var calls = 0
            val bytes = allocated(2000) {
                pipeline.mixer.vocalsGainDb = if (calls++ % 20 < 10) -60f else 0f
                pipeline.mixer.bypass = calls % 50 < 5
                pipeline.process(block, 0, 480, output, 0)
                pipeline.vocalsSpectrogram.poll(column)
                pipeline.accompanimentSpectrogram.poll(column)
            }
            assertEquals(0, bytes)
            assertTrue(pipeline.timer.count > 1000)
        }
    }

    @Test
    fun `resampling`() {
        for ((rateIn, rateOut) in listOf(48000 to 44100, 44100 to 48000, 16000 to 44100)) {
            val resampler = Resampler(rateIn, rateOut, 2)
            val input = noise(2 * 480)
            val output = FloatArray(2 * resampler.maxOutput(480))
            assertEquals(0, allocated(2000) { resampler.push(input, 0, 480, output, 0) })
        }
    }

    @Test
    fun `mixing, waiting in a ring, and reading the time`() {
        val mixer = Mixer(2, 44100)
        val ring = AudioRing(2000, 2)
        val timer = StepTimer(1000)
        val block = noise(2 * 480)
        val out = FloatArray(2 * 480)
        var calls = 0
        val bytes = allocated(5000) {
            mixer.accompanimentGainDb = if (calls++ % 20 < 10) -60f else 0f
            mixer.mix(block, block, block, 0, 480, out, 0)
            ring.write(out, 0, 480)
            if (ring.available > 1000) ring.read(out, 0, 480)
            timer.record(calls.toLong())
        }
        assertEquals(0, bytes)
    }

    private companion object {
        const val ROUNDS = 6
    }
}
