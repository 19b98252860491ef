package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.EnumSource

class StreamingSeparatorTest {
    private val latency = SMALL_SPEC.algorithmicLatency
    private val mixture = noise(2 * 1000)

    @ParameterizedTest
    @EnumSource(Graph::class)
    fun `a sample comes out late by the algorithmic latency, in every stem`(graph: Graph) {
        val separator = StreamingSeparator(FakeStepModel(SMALL_SPEC, graph))
        val stems = separator.separate(mixture, randomBlocks(1000, most = 50, seed = 1))
        for ((source, share) in SMALL_SPEC.sources.zip(listOf(0.75f, 0.25f))) {
            val expected = FloatArray(2 * latency) + FloatArray(mixture.size) { share * mixture[it] }
            assertEquals(0f, maxDifference(expected, stems.getValue(source)), TOLERANCE)
        }
    }

    @ParameterizedTest
    @EnumSource(Graph::class)
    fun `the same samples come out however the stream is cut`(graph: Graph) {
        val separator = StreamingSeparator(FakeStepModel(SMALL_SPEC, graph))
        val whole = separator.separate(mixture, blocks(1000, 1000))
        for (seed in 1..20) {
            val cut = separator.separate(mixture, randomBlocks(1000, most = 5 * seed, seed))
            for ((source, stem) in whole) assertEquals(0f, maxDifference(stem, cut.getValue(source)))
        }
    }

    @ParameterizedTest
    @EnumSource(Graph::class)
    fun `a reset forgets, and a flush leaves nothing behind`(graph: Graph) {
        val separator = StreamingSeparator(FakeStepModel(SMALL_SPEC, graph))
        val fresh = separator.separate(mixture, blocks(1000, 7))
        separator.separate(noise(2 * 333, seed = 9), blocks(333, 10), flush = false)
        separator.reset()
        val again = separator.separate(mixture, blocks(1000, 7))
        separator.warmUp(3)
        val warm = separator.separate(mixture, blocks(1000, 7))
        for ((source, stem) in fresh) {
            assertEquals(0f, maxDifference(stem, again.getValue(source)))
            assertEquals(0f, maxDifference(stem, warm.getValue(source)))
        }
    }

    @Test
    fun `offsets are respected, and the mixture may be replaced by a stem`() {
        val expected = StreamingSeparator(FakeStepModel(SMALL_SPEC)).separate(mixture, blocks(1000, 100), flush = false)
        val separator = StreamingSeparator(FakeStepModel(SMALL_SPEC))
        val replaced = mixture.copyOf()
        val accompaniment = FloatArray(mixture.size + 2 * 5)
        for (at in 0 until 1000 step 50) {
            separator.push(replaced, at, 50, arrayOf(replaced, FloatArray(mixture.size)), at)
        }
        assertEquals(0f, maxDifference(expected.getValue("vocals"), replaced))
        separator.reset()
        for (at in 0 until 1000 step 50) {
            separator.push(mixture, at, 50, arrayOf(FloatArray(mixture.size + 10), accompaniment), at + 5)
        }
        val shifted = accompaniment.copyOfRange(10, accompaniment.size)
        assertEquals(0f, maxDifference(expected.getValue("accompaniment"), shifted))
    }

    @Test
    fun `a step that is not finite is undone`() {
        val bad = 20
        val model = FakeStepModel(SMALL_SPEC) { step, outputs ->
            if (step == bad) outputs.getValue("new_state_0").put(3, Float.NaN)
        }
        val separator = StreamingSeparator(model)
        val stem = separator.separate(mixture, blocks(1000, 16)).getValue("vocals")
        val sound = StreamingSeparator(FakeStepModel(SMALL_SPEC)).separate(mixture, blocks(1000, 16)).getValue("vocals")
        assertEquals(1, separator.recoveries)
        // Step t comes out a step later. The undone one is silent, and three more, whose samples were in its states.
        val gap = 2 * 16 * (bad + 1) until 2 * 16 * (bad + 5)
        for (i in stem.indices) assertEquals(if (i in gap) 0f else sound[i], stem[i], "number $i")
    }

    @ParameterizedTest
    @EnumSource(Graph::class)
    fun `a bad sample in the input is a gap, not the end`(graph: Graph) {
        for (value in listOf(Float.NaN, Float.POSITIVE_INFINITY, 1e20f)) {
            val separator = StreamingSeparator(FakeStepModel(SMALL_SPEC, graph))
            val stems = separator.separate(mixture.copyOf().also { it[600] = value }, blocks(1000, 100))
            val sound = separator.separate(mixture, blocks(1000, 100))
            assertTrue(separator.recoveries >= 1)
            val step = 2 * (288 + latency) until 2 * (304 + latency) // with the bad sample in all of its frames
            val after = 2 * (300 + 3 * latency)
            for ((source, stem) in stems) {
                assertTrue(stem.all { it.isFinite() })
                assertTrue(step.all { stem[it] == 0f })
                val expected = sound.getValue(source).copyOfRange(after, stem.size)
                assertEquals(0f, maxDifference(expected, stem.copyOfRange(after, stem.size)))
            }
        }
    }

    @Test
    fun `a model whose tensors do not fit is refused`() {
        val model = object : StepModel by FakeStepModel(SMALL_SPEC) {
            override val outputs = mapOf("vocals" to intArrayOf(1, 16, 2), "accompaniment" to intArrayOf(1, 8, 2))
        }
        val error = assertThrows(ModelFileException::class.java) { StreamingSeparator(model) }
        assertEquals(
            "fake: expected a float32 tensor 'accompaniment' of shape (1, 16, 2). " +
                "Received: (1, 8, 2) among ['accompaniment', 'vocals']",
            error.message,
        )
    }

    @Test
    fun `a mask graph that sees other views than its spec says is refused`() {
        val model = object : StepModel by FakeStepModel(MID_SIDE_SPEC, Graph.MASK) {
            override val inputs = mapOf("magnitude" to intArrayOf(1, 1, 1025, 2))
        }
        val error = assertThrows(ModelFileException::class.java) { StreamingSeparator(model) }
        assertEquals(
            "fake: expected a float32 tensor 'magnitude' of shape (1, 1, 1025, 4). " +
                "Received: (1, 1, 1025, 2) among ['magnitude']",
            error.message,
        )
    }

    @Test
    fun `a state that is not handed on is refused`() {
        val model = object : StepModel by FakeStepModel(SMALL_SPEC) {
            override val outputs = SMALL_SPEC.sources.associateWith { intArrayOf(1, 16, 2) }
        }
        val error = assertThrows(ModelFileException::class.java) { StreamingSeparator(model) }
        assertEquals(
            "fake: expected a float32 tensor 'new_state_0' of shape (1, 96). " +
                "Received: none among ['accompaniment', 'vocals']",
            error.message,
        )
    }

    @Test
    fun `a mask graph with a transform that is not built in is refused`() {
        val spec = SMALL_SPEC.copy(frameLength = 60, frameStep = 15, fftLength = 60)
        val error = assertThrows(ModelFileException::class.java) { StreamingSeparator(FakeStepModel(spec, Graph.MASK)) }
        assertEquals(
            "fake: cannot use this mask graph: Fft: length must be a power of two, at least 4. Received: length=60",
            error.message,
        )
    }

    @Test
    fun `another number of stems is refused`() {
        val separator = StreamingSeparator(FakeStepModel(SMALL_SPEC))
        val error = assertThrows(IllegalArgumentException::class.java) {
            separator.push(mixture, 0, 1, arrayOf(FloatArray(2)), 0)
        }
        assertEquals("expected 2 stems (vocals, accompaniment). Received: 1", error.message)
    }

    @Test
    fun `steps are counted and the model is closed`() {
        val model = FakeStepModel(SMALL_SPEC)
        StreamingSeparator(model).use { separator ->
            separator.separate(mixture.copyOf(2 * 100), blocks(100, 30), flush = false)
            assertEquals(100 / 16, model.steps)
            assertEquals(model.steps.toLong(), separator.timer.count)
        }
        assertTrue(model.closed)
    }
}
