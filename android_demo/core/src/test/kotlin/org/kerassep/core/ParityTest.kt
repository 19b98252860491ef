package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ParityTest {
    @Test
    fun quick() {
        for (golden in Golden.models) {
            StreamingSeparator(golden.open()).use { separator ->
                for (blockSize in Golden.blockSizes) {
                    val n = Golden.mixture.size / 2
                    val total = n + 2048
                    val stems = Array(2) { FloatArray(total * 2) }
                    var at = 0
                    while (at < n) {
                        val size = minOf(blockSize, n - at)
                        separator.push(Golden.mixture, at, size, stems, at)
                        at += size
                    }
                    separator.flush(stems, at)
                    val worst = separator.spec.sources.mapIndexed { i, s ->
                        val e = golden.stems.getValue(s)
                        e.indices.maxOf { kotlin.math.abs(e[it] - stems[i][it]) }
                    }.max()
                    println("$golden $blockSize $worst p50 ${separator.timer.p50Ms} p99 ${separator.timer.p99Ms} load ${separator.timer.load}")
                }
            }
        }
        assertTrue(true)
    }
}
