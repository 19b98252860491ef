package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.random.Random

class StepTimerTest {
    private val period = 11_609_977L // one step of the shipped models

    @Test
    fun `quantiles are those of what was recorded, to a sixteenth`() {
        val random = Random(1)
        for (scale in listOf(1_000.0, 1e6, 1e9)) {
            val timer = StepTimer(period)
            val times = List(10_000) { (scale * (1 + 9 * random.nextDouble() * random.nextDouble())).toLong() }
            times.forEach(timer::record)
            val sorted = times.sorted()
            assertEquals(sorted[4999] / 1e6, timer.p50Ms.toDouble(), sorted[4999] / 1e6 / 16)
            assertEquals(sorted[9899] / 1e6, timer.p99Ms.toDouble(), sorted[9899] / 1e6 / 16)
            assertEquals(sorted.last() / 1e6, timer.maxMs.toDouble(), sorted.last() / 1e12)
            assertEquals(10_000, timer.count)
        }
    }

    @Test
    fun `p99 sees two slow steps in a hundred`() {
        val timer = StepTimer(period)
        repeat(98) { timer.record(1_000_000) }
        repeat(2) { timer.record(9_000_000) }
        assertEquals(1f, timer.p50Ms, 0.07f)
        assertEquals(9f, timer.p99Ms, 0.6f)
    }

    @Test
    fun `load is the part of real time that recent steps took`() {
        val timer = StepTimer(period)
        repeat(1000) { timer.record(period / 4) }
        assertEquals(0.25f, timer.load, 1e-4f)
        repeat(1000) { timer.record(period / 2) }
        assertEquals(0.5f, timer.load, 1e-3f)
    }

    @Test
    fun `nothing recorded is nothing, and any time has its place`() {
        val timer = StepTimer(period)
        assertEquals(listOf(0f, 0f, 0f, 0f), listOf(timer.p50Ms, timer.p99Ms, timer.maxMs, timer.load))
        for (nanos in listOf(-5L, 0L, 1L, 15L, 16L, 31L, 32L, Long.MAX_VALUE)) timer.record(nanos)
        assertTrue(timer.p50Ms <= timer.p99Ms)
        timer.reset()
        assertEquals(0, timer.count)
        assertEquals(0f, timer.p99Ms)
    }

    @Test
    fun `a period of nothing is refused`() {
        val error = assertThrows(IllegalArgumentException::class.java) { StepTimer(0) }
        assertEquals("StepTimer: periodNanos must be positive. Received: periodNanos=0", error.message)
    }
}
