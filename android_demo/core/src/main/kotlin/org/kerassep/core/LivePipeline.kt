package org.kerassep.core

/**
 * A sound card's blocks in, separated and mixed blocks out:
 *
 *     channels → stereo → model's rate → separator → mixer → device's rate → channels
 *
 * The mixer's original is the mixture late by the separator's latency, so that a comparison does not jump. Samples are
 * float32, full scale ±1, interleaved; offsets and counts are in samples a channel. Nothing is allocated after
 * construction. One thread at a time, except for what is said to be readable.
 *
 * @param model stereo, with stems named vocals and accompaniment; closed with this.
 * @param inputRate Hz. @param inputChannels as for [StereoDownmix].
 * @param outputRate Hz. @param outputChannels 1 or 2.
 * @throws ModelFileException another model.
 */
class LivePipeline(
    model: StepModel,
    inputRate: Int,
    inputChannels: Int,
    outputRate: Int,
    private val outputChannels: Int,
) : AutoCloseable {
    private val separator = StreamingSeparator(model)
    private val spec = separator.spec

    init {
        if (spec.numChannels != 2 || !spec.sources.containsAll(listOf(VOCALS, ACCOMPANIMENT))) {
            throw ModelFileException(
                "${model.metadata.title}: expected stereo stems named $VOCALS and $ACCOMPANIMENT. " +
                    "Received: ${spec.numChannels} channels of ${spec.sources.joinToString()}",
            )
        }
        require(outputChannels in 1..2) { "LivePipeline: expected 1 or 2 output channels. Received: $outputChannels" }
    }

    private val downmix = StereoDownmix(inputChannels)
    private val toModel = Resampler(inputRate, spec.sampleRate, 2)
    private val fromModel = Resampler(spec.sampleRate, outputRate, 2)
    private val aligned = DelayLine(separator.algorithmicLatency, 2)
    private val vocals = spec.sources.indexOf(VOCALS)
    private val accompaniment = spec.sources.indexOf(ACCOMPANIMENT)

    private val chunk = FloatArray(2 * CHUNK)
    private val mostAtOnce = maxOf(toModel.maxOutput(CHUNK), toModel.maxFlush, spec.frameStep)
    private val mixture = FloatArray(2 * mostAtOnce)
    private val stems = Array(spec.sources.size) { FloatArray(2 * mostAtOnce) }
    private val mixed = FloatArray(2 * mostAtOnce)
    private val heard = FloatArray(2 * maxOf(fromModel.maxOutput(mostAtOnce), fromModel.maxFlush))

    /** Levels, and the original to compare with; may be set from any thread. */
    val mixer = Mixer(2, spec.sampleRate)

    /** How long the network's steps take, with their transforms; readable from any thread. */
    val timer: StepTimer get() = separator.timer

    /** What the stems sound like before the mixer; to be polled by one other thread. */
    val vocalsSpectrogram = spectrogram()
    val accompanimentSpectrogram = spectrogram()

    /** Steps at which the network began anew, a gap each. Readable from any thread. */
    val recoveries: Long get() = separator.recoveries

    /** Bad samples (NaN, infinity, beyond ±1e12) that came in and became zero. Readable from any thread. */
    val repaired: Long get() = downmix.repaired

    /** Milliseconds from a block that comes in to the same sound in a block that goes out. */
    val latencyMs: Double get() = resamplingMs + spec.algorithmicLatencyMs

    private val resamplingMs get() = 1000.0 * (toModel.delay + fromModel.delay)

    /** The most samples that [process] gives for [numSamples]. */
    fun maxOutput(numSamples: Int): Int = fromModel.maxOutput(toModel.maxOutput(numSamples))

    /** The most samples that [flush] gives. */
    val maxFlush: Int
        get() = fromModel.maxOutput(toModel.maxFlush + separator.algorithmicLatency) + fromModel.maxFlush

    /**
     * Takes the next samples; returns how many came out of it, at most [maxOutput] of them: over time as many as the
     * ratio of the sample rates says.
     */
    fun process(input: FloatArray, offset: Int, numSamples: Int, output: FloatArray, outputOffset: Int): Int {
        var taken = 0
        var given = 0
        while (taken < numSamples) {
            val size = minOf(numSamples - taken, CHUNK)
            downmix.convert(input, offset + taken, size, chunk)
            val arrived = toModel.push(chunk, 0, size, mixture, 0)
            given += separate(arrived, output, outputOffset + given)
            taken += size
        }
        return given
    }

    /** At a song's end: gives all that is still to come, says how many samples that are, and starts anew. */
    fun flush(output: FloatArray, outputOffset: Int): Int {
        var given = separate(toModel.flush(mixture, 0), output, outputOffset)
        var missing = separator.algorithmicLatency
        while (missing > 0) {
            val size = minOf(missing, spec.frameStep)
            mixture.fill(0f, 0, 2 * size)
            given += separate(size, output, outputOffset + given)
            missing -= size
        }
        val rest = fromModel.flush(heard, 0)
        write(rest, output, outputOffset + given)
        reset()
        return given + rest
    }

    /** Forgets everything heard so far: for another song. */
    fun reset() {
        toModel.reset()
        separator.reset()
        aligned.reset()
        fromModel.reset()
    }

    /** Runs a few steps of silence, because the first ones are the slowest, and starts anew. */
    fun warmUp(steps: Int = 8) {
        separator.warmUp(steps)
        reset()
    }

    /** The whole way of the sound: the pipeline's own part, and what the devices say of theirs, in ms. */
    fun latency(inputDeviceMs: Double, inputBufferMs: Double, outputBufferMs: Double, outputDeviceMs: Double) = Latency(
        inputDeviceMs, inputBufferMs, resamplingMs, spec.algorithmicLatencyMs, outputBufferMs, outputDeviceMs,
    )

    override fun close() = separator.close()

    /** From [numSamples] of the mixture at the model's rate to the output. */
    private fun separate(numSamples: Int, output: FloatArray, outputOffset: Int): Int {
        separator.push(mixture, 0, numSamples, stems, 0)
        aligned.push(mixture, 0, numSamples)
        vocalsSpectrogram.push(stems[vocals], 0, numSamples)
        accompanimentSpectrogram.push(stems[accompaniment], 0, numSamples)
        mixer.mix(mixture, stems[vocals], stems[accompaniment], 0, numSamples, mixed, 0)
        val given = fromModel.push(mixed, 0, numSamples, heard, 0)
        write(given, output, outputOffset)
        return given
    }

    /** Copies what is heard to the output's channels; one channel gets the mean of both sides. */
    private fun write(numSamples: Int, output: FloatArray, outputOffset: Int) {
        if (outputChannels == 2) {
            heard.copyInto(output, 2 * outputOffset, 0, 2 * numSamples)
        } else {
            for (i in 0 until numSamples) output[outputOffset + i] = 0.5f * (heard[2 * i] + heard[2 * i + 1])
        }
    }

    private fun spectrogram() =
        Spectrogram(fftLength = 2048, frameStep = 1024, spec.sampleRate, numBands = 96, numChannels = 2)

    private companion object {
        const val CHUNK = 512
        const val VOCALS = "vocals"
        const val ACCOMPANIMENT = "accompaniment"
    }
}
