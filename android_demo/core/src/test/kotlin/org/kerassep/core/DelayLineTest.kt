package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Test

class DelayLineTest {
    @Test
    fun `a stream comes out late, silence first, whatever the blocks`() {
        for (late in listOf(0, 1, 7, 300)) {
            val x = noise(2 * 200)
            val y = x.copyOf()
            val delay = DelayLine(late, 2)
            delay.push(noise(2 * 50, seed = 2), 0, 50)
            delay.reset()
            var done = 0
            for (size in randomBlocks(200, most = 20, seed = 3)) {
                delay.push(y, done, size)
                done += size
            }
            assertArrayEquals((FloatArray(2 * late) + x).copyOf(x.size), y)
        }
    }
}
