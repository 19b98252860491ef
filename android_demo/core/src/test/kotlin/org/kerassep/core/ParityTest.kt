package org.kerassep.core

import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.TestInstance
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.MethodSource

/** Every shipped .tflite file, and those of tests/golden: Kotlin's samples are Python's. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ParityTest {
    private val report = ParityReport()

    private fun models() = Golden.models

    @AfterAll
    fun publish() = report.publish()

    @ParameterizedTest
    @MethodSource("models")
    fun `stems are Python's, whatever the blocks`(golden: GoldenModel) {
        StreamingSeparator(golden.open()).use { separator ->
            separator.warmUp()
            for (blockSize in Golden.blockSizes) {
                if (blockSize == TIMED_BLOCK_SIZE) separator.timer.reset()
                val stems = separator.separate(Golden.mixture, blocks(Golden.mixture.size / 2, blockSize))
                if (blockSize == TIMED_BLOCK_SIZE) {
                    report.time(golden.toString(), separator.timer.p50Ms, separator.timer.p99Ms)
                }
                val difference = stems.maxOf { (source, stem) -> maxDifference(stem, golden.stems.getValue(source)) }
                report.difference(golden.toString(), blockSize, difference)
                assertTrue(difference <= TOLERANCE) { "$golden, blocks of $blockSize: differs by $difference" }
            }
            assertEquals(0, separator.recoveries)
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    fun `stems are Python's after a reset`(golden: GoldenModel) {
        StreamingSeparator(golden.open()).use { separator ->
            separator.separate(Golden.mixture.copyOf(2 * 5000), blocks(5000, 1234), flush = false)
            separator.reset()
            val numSamples = Golden.mixture.size / 2
            val half = Golden.mixture.copyOfRange(2 * (numSamples / 2), Golden.mixture.size)
            val stems = separator.separate(half, randomBlocks(half.size / 2, most = 3000, seed = 1), flush = false)
            val difference = stems.maxOf { (source, stem) -> maxDifference(stem, golden.resetStems.getValue(source)) }
            report.afterReset(golden.toString(), difference)
            assertTrue(difference <= TOLERANCE) { "$golden: differs by $difference" }
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    fun `the bare step's outputs and states are Python's`(golden: GoldenModel) {
        golden.open().use { model ->
            val outputs = BareStep(model).run(golden.stepInput)
            assertEquals(golden.stepOutputs.keys, outputs.keys)
            val difference = outputs.maxOf { (name, y) -> maxDifference(y, golden.stepOutputs.getValue(name)) }
            report.step(golden.toString(), difference)
            assertTrue(difference <= TOLERANCE) { "$golden: differs by $difference" }
        }
    }

    private companion object {
        const val TIMED_BLOCK_SIZE = 512
    }
}
