package org.kerassep.core

import kotlin.random.Random

/** The shipped models' stream. */
val SPEC = StreamSpec(44100, 2, 2048, 512, 2048, "hann", listOf("vocals", "accompaniment"))

/** The same for a network that also sees mid and side. */
val MID_SIDE_SPEC = SPEC.copy(views = listOf("left", "right", "mid", "side"))

/** A small stream, for fakes. */
val SMALL_SPEC = SPEC.copy(sampleRate = 8000, frameLength = 64, frameStep = 16, fftLength = 64)

fun noise(size: Int, seed: Int = 1): FloatArray {
    val random = Random(seed)
    return FloatArray(size) { random.nextFloat() - 0.5f }
}

/** Sizes that add up to [total]: all [size] but the last. */
fun blocks(total: Int, size: Int): Sequence<Int> = generateSequence(0) { it + size }.takeWhile { it < total }
    .map { minOf(size, total - it) }

/** Random sizes from 0 to [most] that add up to [total]. */
fun randomBlocks(total: Int, most: Int, seed: Int): Sequence<Int> = sequence {
    val random = Random(seed)
    var left = total
    while (left > 0) {
        val size = minOf(left, random.nextInt(most + 1))
        yield(size)
        left -= size
    }
}

/** Pushes interleaved samples in blocks, and flushes if wanted; the stems by source. */
fun StreamingSeparator.separate(
    mixture: FloatArray,
    blocks: Sequence<Int>,
    flush: Boolean = true,
): Map<String, FloatArray> {
    val numSamples = mixture.size / spec.numChannels
    val total = numSamples + if (flush) algorithmicLatency else 0
    val stems = Array(spec.sources.size) { FloatArray(total * spec.numChannels) }
    var done = 0
    for (size in blocks) {
        push(mixture, done, size, stems, done)
        done += size
    }
    check(done == numSamples) { "expected blocks of $numSamples samples in all. Received: $done" }
    if (flush) check(flush(stems, done) == algorithmicLatency)
    return spec.sources.zip(stems).toMap()
}

/** Pushes interleaved samples in blocks and flushes; all that comes out. */
fun Resampler.convert(input: FloatArray, blocks: Sequence<Int>): FloatArray =
    allOf(input, numChannels, numChannels, blocks, ::maxOutput, maxFlush, ::push, ::flush)

/** The same of a whole pipeline, whose channels may differ. */
fun LivePipeline.convert(
    input: FloatArray, inputChannels: Int, outputChannels: Int, blocks: Sequence<Int>,
): FloatArray = allOf(input, inputChannels, outputChannels, blocks, ::maxOutput, maxFlush, ::process, ::flush)

private fun allOf(
    input: FloatArray,
    inputChannels: Int,
    outputChannels: Int,
    blocks: Sequence<Int>,
    maxOutput: (Int) -> Int,
    maxFlush: Int,
    push: (FloatArray, Int, Int, FloatArray, Int) -> Int,
    flush: (FloatArray, Int) -> Int,
): FloatArray {
    val output = FloatArray((maxOutput(input.size / inputChannels) + maxFlush) * outputChannels)
    var taken = 0
    var given = 0
    for (size in blocks) {
        val most = maxOutput(size)
        val got = push(input, taken, size, output, given)
        check(got <= most) { "expected at most $most samples of $size. Received: $got" }
        taken += size
        given += got
    }
    val rest = flush(output, given)
    check(rest <= maxFlush) { "expected at most $maxFlush samples at the end. Received: $rest" }
    return output.copyOf((given + rest) * outputChannels)
}
