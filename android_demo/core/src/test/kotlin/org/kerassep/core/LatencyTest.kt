package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class LatencyTest {
    @Test
    fun `the total is the sum of the parts`() {
        assertEquals(1 + 2 + 4 + 8 + 16 + 32.0, Latency(1.0, 2.0, 4.0, 8.0, 16.0, 32.0).totalMs)
    }

    @Test
    fun `a part that cannot be is refused`() {
        for (part in listOf(-1.0, Double.NaN, Double.POSITIVE_INFINITY)) {
            val error = assertThrows(IllegalArgumentException::class.java) { Latency(0.0, 0.0, part, 0.0, 0.0, 0.0) }
            assertTrue("resamplingMs=$part" in error.message!!) { error.message }
        }
    }
}
