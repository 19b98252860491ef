package org.kerassep.demo.fakes

import org.kerassep.core.StreamingSeparator
import org.kerassep.demo.audio.Separation
import org.kerassep.demo.audio.StreamFormat
import kotlin.random.Random

/** [numSamples] of stereo noise. */
fun noise(numSamples: Int, seed: Int = 1): FloatArray {
    val random = Random(seed)
    return FloatArray(2 * numSamples) { random.nextFloat() - 0.5f }
}

/** The stems that [StreamingSeparator] gives for the whole song, aligned with it. */
fun separated(song: FloatArray, model: FakeStepModel = FakeStepModel()): List<FloatArray> {
    val separator = StreamingSeparator(model)
    val late = separator.algorithmicLatency
    val numSamples = song.size / 2
    val stems = Array(2) { FloatArray(2 * (numSamples + late)) }
    separator.push(song, 0, numSamples, stems, 0)
    separator.flush(stems, numSamples)
    return stems.map { it.copyOfRange(2 * late, 2 * (late + numSamples)) }
}

/** What is heard of them at 0 dB. */
fun sum(stems: List<FloatArray>) = FloatArray(stems[0].size) { stems[0][it] + stems[1][it] }

/** From sample [from] to sample [to] of an interleaved stereo signal. */
fun FloatArray.cut(from: Int, to: Int = size / 2): FloatArray = copyOfRange(2 * from, 2 * to)

fun separation(
    model: FakeStepModel = FakeStepModel(),
    from: StreamFormat = StreamFormat(44100, 2),
    to: StreamFormat = StreamFormat(44100, 2),
): Separation = Separation(model, from, to, blockSamples = 512)
