package org.kerassep.core

/**
 * Separates a stream as it arrives: blocks of any size in, as many samples of each stem out, late by
 * [algorithmicLatency]. The same samples come out however the stream is cut into blocks.
 *
 * Samples are float32, full scale ±1, interleaved, at the model's sample rate; offsets and counts are in samples a
 * channel. Nothing is allocated after construction. One thread at a time, except for what is said to be readable.
 *
 * @param model closed with this.
 * @throws ModelFileException a model whose tensors do not fit its spec.
 */
class StreamingSeparator(model: StepModel) : AutoCloseable {
    val spec: StreamSpec = model.metadata.spec

    /** Samples by which the stems lag behind the mixture, 2048 = 46.4 ms in the shipped models. */
    val algorithmicLatency: Int = spec.algorithmicLatency

    /** How long the steps take; readable from any thread. */
    val timer = StepTimer(NANOS_PER_SECOND * spec.frameStep / spec.sampleRate)

    private val engine = Engine.of(model)
    private val numChannels = spec.numChannels
    private val mixture = FloatArray(spec.frameStep * numChannels) // of the step that is being filled
    private val stems = Array(spec.sources.size) { FloatArray(mixture.size) } // of the last step; goes out meanwhile
    private val silence = FloatArray(mixture.size)
    private val firstSteps = spec.frameLength / spec.frameStep - 1
    private var position = 0 // in samples, the same in mixture and stems
    private var silentSteps = firstSteps

    /**
     * Steps at which the network was not finite and began anew, a gap of 12 to 46 ms each; neither [reset] nor [flush]
     * clears it. Readable from any thread.
     */
    val recoveries: Long get() = engine.recoveries

    /**
     * Takes the next samples of the mixture and gives as many of each stem: sample i of the stream comes out as sample
     * i + [algorithmicLatency]; the first algorithmicLatency samples are silence.
     *
     * @param block the mixture, finite; may be one of [stems].
     * @param stems one array a source, in the order of [StreamSpec.sources].
     */
    fun push(block: FloatArray, offset: Int, numSamples: Int, stems: Array<FloatArray>, stemsOffset: Int) {
        require(stems.size == this.stems.size) {
            "expected ${this.stems.size} stems (${spec.sources.joinToString()}). Received: ${stems.size}"
        }
        var done = 0
        while (done < numSamples) {
            val size = minOf(numSamples - done, spec.frameStep - position)
            val at = position * numChannels
            val from = (offset + done) * numChannels
            block.copyInto(mixture, at, from, from + size * numChannels)
            for (source in stems.indices) {
                this.stems[source].copyInto(
                    stems[source], (stemsOffset + done) * numChannels, at, at + size * numChannels,
                )
            }
            done += size
            position += size
            if (position == spec.frameStep) step()
        }
    }

    /** Gives the last [algorithmicLatency] samples of each stem, says how many that are, and starts anew. */
    fun flush(stems: Array<FloatArray>, stemsOffset: Int): Int {
        for (done in 0 until algorithmicLatency step spec.frameStep) {
            push(silence, 0, spec.frameStep, stems, stemsOffset + done)
        }
        reset()
        return algorithmicLatency
    }

    /** Forgets everything heard so far. */
    fun reset() {
        engine.reset()
        for (stem in stems) stem.fill(0f)
        position = 0
        silentSteps = firstSteps
    }

    /** Runs a few steps of silence, because the first ones are the slowest, and starts anew. */
    fun warmUp(steps: Int = 8) {
        repeat(steps) { engine.run(silence, stems) }
        reset()
    }

    override fun close() = engine.close()

    private fun step() {
        val start = System.nanoTime()
        engine.run(mixture, stems)
        timer.record(System.nanoTime() - start)
        position = 0
        if (silentSteps > 0) { // what comes before the first sample is an echo of the first frames, ahead of time
            silentSteps--
            for (stem in stems) stem.fill(0f)
        }
    }

    private companion object {
        const val NANOS_PER_SECOND = 1_000_000_000L
    }
}
