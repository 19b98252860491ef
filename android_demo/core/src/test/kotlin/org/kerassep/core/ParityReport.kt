package org.kerassep.core

import java.io.File

/** What ParityTest measured, as a table: printed, and written to target/parity.md. */
class ParityReport {
    private val differences = LinkedHashMap<String, LinkedHashMap<Int, Float>>()
    private val afterReset = HashMap<String, Float>()
    private val steps = HashMap<String, Float>()
    private val times = HashMap<String, Pair<Float, Float>>()

    fun difference(file: String, blockSize: Int, difference: Float) {
        differences.getOrPut(file, ::LinkedHashMap)[blockSize] = difference
    }

    fun afterReset(file: String, difference: Float) = afterReset.set(file, difference)

    fun step(file: String, difference: Float) = steps.set(file, difference)

    fun time(file: String, p50Ms: Float, p99Ms: Float) = times.set(file, p50Ms to p99Ms)

    fun publish() {
        val text = text()
        println(text)
        File("target").mkdirs()
        File("target/parity.md").writeText(text)
    }

    private fun text(): String = buildString {
        val sizes = Golden.blockSizes
        appendLine("Largest difference between Kotlin's and Python's samples (full scale ±1), by samples in a block,")
        appendLine("after a reset, and of the bare step's outputs and states; a step's time in the JVM, on one thread.")
        appendLine()
        appendLine("| file | ${sizes.joinToString(" | ")} | reset | bare step | p50 ms | p99 ms |")
        appendLine("|---|${"---|".repeat(sizes.size + 4)}")
        for ((file, bySize) in differences) {
            val row = sizes.map(bySize::get) + afterReset[file] + steps[file]
            val (p50, p99) = times[file] ?: (null to null)
            appendLine("| $file | ${row.joinToString(" | ", transform = ::scientific)} | ${ms(p50)} | ${ms(p99)} |")
        }
    }

    private fun scientific(value: Float?): String = when (value) {
        null -> "–"
        0f -> "0"
        else -> "%.1e".format(value)
    }

    private fun ms(value: Float?): String = value?.let { "%.2f".format(it) } ?: "–"
}
