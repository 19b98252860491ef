package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.CsvSource
import kotlin.math.abs

class LivePipelineTest {
    private fun pipeline(
        inputRate: Int = 48000, inputChannels: Int = 2, outputRate: Int = 48000, outputChannels: Int = 2,
        model: StepModel = FakeStepModel(SPEC),
    ) = LivePipeline(model, inputRate, inputChannels, outputRate, outputChannels)

    @ParameterizedTest
    @CsvSource("44100, 44100", "48000, 48000", "44100, 48000", "48000, 44100", "16000, 48000", "96000, 44100")
    fun `an impulse comes out at the stated latency`(inputRate: Int, outputRate: Int) {
        val pipeline = pipeline(inputRate, 1, outputRate, 1)
        val at = inputRate / 10
        val input = FloatArray(inputRate / 4).also { it[at] = 1f }
        val output = FloatArray(pipeline.maxOutput(input.size))
        var taken = 0
        var given = 0
        var deepest = 0.0
        for (size in blocks(input.size, 100)) {
            given += pipeline.process(input, taken, size, output, given)
            taken += size
            if (taken > at) deepest = maxOf(deepest, taken.toDouble() / inputRate - given.toDouble() / outputRate)
        }
        // What the pipeline holds back between the blocks that come in and those that go out …
        val held = 1000 * deepest
        // … and how far the sound lies behind its place in the stream of samples.
        val peak = output.indices.maxBy { abs(output[it]) }
        val late = 1000 * (peak.toDouble() / outputRate - at.toDouble() / inputRate)
        assertEquals(pipeline.latencyMs, held + late, 1100.0 / minOf(inputRate, outputRate) + 1000.0 / 44100)
        assertEquals(46.44, late, 2000.0 / minOf(inputRate, outputRate))
        val latency = pipeline.latency(1.0, 2.0, 3.0, 4.0)
        assertEquals(pipeline.latencyMs + 10, latency.totalMs, 1e-9)
        assertEquals(SPEC.algorithmicLatencyMs, latency.algorithmMs)
    }

    @Test
    fun `the same samples come out however the stream is cut, and after another song`() {
        val pipeline = pipeline(48000, 2, 44100, 2)
        val input = noise(2 * 20000)
        val whole = pipeline.convert(input, 2, 2, blocks(20000, 20000))
        for (seed in 1..3) {
            val cut = pipeline.convert(input, 2, 2, randomBlocks(20000, most = 300 * seed, seed))
            assertEquals(0f, maxDifference(whole, cut))
        }
        pipeline.process(noise(2 * 5000, seed = 2), 0, 5000, FloatArray(2 * pipeline.maxOutput(5000)), 0)
        pipeline.reset()
        assertEquals(0f, maxDifference(whole, pipeline.convert(input, 2, 2, blocks(20000, 480))))
    }

    @Test
    fun `at equal rates the whole song comes out, late by the latency`() {
        val input = noise(2 * 10000)
        val output = pipeline(44100, 2, 44100, 2).convert(input, 2, 2, blocks(10000, 441))
        assertEquals(0f, maxDifference(FloatArray(2 * 2048) + input, output), TOLERANCE)
    }

    @Test
    fun `the original is aligned with the stems`() {
        val input = noise(2 * 20000)
        val separated = pipeline().convert(input, 2, 2, blocks(20000, 480))
        val pipeline = pipeline()
        pipeline.mixer.bypass = true
        val other = noise(2 * 4800, seed = 2) // another song, while the mixer fades
        pipeline.process(other, 0, 4800, FloatArray(2 * pipeline.maxOutput(4800)), 0)
        pipeline.reset()
        val original = pipeline.convert(input, 2, 2, blocks(20000, 480))
        assertEquals(0f, maxDifference(separated, original), TOLERANCE)
        val late = separated.copyOfRange(2, separated.size)
        assertTrue(maxDifference(late, original.copyOf(late.size)) > 1000 * TOLERANCE)
    }

    @Test
    fun `levels are heard`() {
        val input = noise(2 * 20000)
        val pipeline = pipeline(44100, 2, 44100, 2)
        pipeline.mixer.vocalsGainDb = -60f
        val output = pipeline.convert(input, 2, 2, blocks(20000, 512))
        val late = FloatArray(2 * 2048) + FloatArray(input.size) { 0.25f * input[it] }
        val after = 2 * (2048 + 882) // the ramp
        val difference = maxDifference(late.copyOfRange(after, late.size), output.copyOfRange(after, output.size))
        assertEquals(0f, difference, TOLERANCE)
    }

    @Test
    fun `one output channel gets the mean of both sides`() {
        val input = noise(2 * 10000)
        val stereo = pipeline().convert(input, 2, 2, blocks(10000, 480))
        val mono = pipeline(outputChannels = 1).convert(input, 2, 1, blocks(10000, 480))
        assertEquals(0f, maxDifference(FloatArray(mono.size) { 0.5f * (stereo[2 * it] + stereo[2 * it + 1]) }, mono))
    }

    @Test
    fun `bad samples are repaired before the network hears them`() {
        val pipeline = pipeline()
        val input = noise(2 * 10000).also {
            it[700] = Float.NaN
            it[801] = Float.POSITIVE_INFINITY
        }
        val output = pipeline.convert(input, 2, 2, blocks(10000, 480))
        assertTrue(output.all { it.isFinite() })
        assertEquals(2, pipeline.repaired)
        assertEquals(0, pipeline.recoveries)
    }

    @Test
    fun `a network that fails is a gap that is counted`() {
        val model = FakeStepModel(SPEC) { step, outputs -> if (step == 5) outputs.getValue("vocals").put(0, Float.NaN) }
        val pipeline = pipeline(model = model)
        assertTrue(pipeline.convert(noise(2 * 10000), 2, 2, blocks(10000, 480)).all { it.isFinite() })
        assertEquals(1, pipeline.recoveries)
    }

    @Test
    fun `steps are timed, spectra are there, the model is closed`() {
        val model = FakeStepModel(SPEC)
        pipeline(model = model).use { pipeline ->
            pipeline.warmUp(2)
            pipeline.convert(noise(2 * 10000), 2, 2, blocks(10000, 480))
            val column = FloatArray(pipeline.vocalsSpectrogram.numBands)
            assertTrue(pipeline.timer.count > 15)
            assertTrue(pipeline.vocalsSpectrogram.poll(column) && pipeline.accompanimentSpectrogram.poll(column))
        }
        assertTrue(model.closed)
    }

    @Test
    fun `a model of other stems or channels is refused`() {
        val voice = assertThrows(ModelFileException::class.java) {
            pipeline(model = FakeStepModel(SPEC.copy(sources = listOf("voice", "drums"))))
        }
        assertEquals(
            "fake: expected stereo stems named vocals and accompaniment. Received: 2 channels of voice, drums",
            voice.message,
        )
        val mono = assertThrows(ModelFileException::class.java) {
            pipeline(model = FakeStepModel(SPEC.copy(numChannels = 1, views = listOf("mono"))))
        }
        assertEquals(
            "fake: expected stereo stems named vocals and accompaniment. Received: 1 channels of vocals, accompaniment",
            mono.message,
        )
    }

    @Test
    fun `more output channels than ears are refused`() {
        val error = assertThrows(IllegalArgumentException::class.java) { pipeline(outputChannels = 6) }
        assertEquals("LivePipeline: expected 1 or 2 output channels. Received: 6", error.message)
    }
}
