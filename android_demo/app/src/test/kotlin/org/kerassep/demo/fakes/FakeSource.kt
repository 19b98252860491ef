package org.kerassep.demo.fakes

import org.kerassep.demo.audio.AudioSource
import org.kerassep.demo.audio.StreamFormat
import java.util.concurrent.CopyOnWriteArrayList

/**
 * Samples from memory.
 *
 * @param song interleaved. @param sizes of the blocks that [read] gives at most, in turn. @param beforeRead called with
 * the number of the read, on the audio thread.
 */
class FakeSource(
    private val song: FloatArray,
    override val format: StreamFormat = StreamFormat(44100, 2),
    override val live: Boolean = false,
    override val title: String? = "A song",
    private val sizes: List<Int> = listOf(512),
    private val beforeRead: Hook = Hook {},
) : AudioSource {
    override val numSamples: Long? = if (live) null else song.size.toLong() / format.numChannels
    override val blockSamples get() = 512
    override val latencyMs get() = if (live) 5.0 else 0.0

    private var at = 0
    private var reads = 0
    val calls = CopyOnWriteArrayList<String>()

    @Volatile
    var closed = false
        private set

    override fun start() {
        calls += "start"
    }

    override fun pause() {
        calls += "pause"
    }

    override fun interrupt() {
        calls += "interrupt"
    }

    override fun read(into: FloatArray, numSamples: Int): Int {
        check(!closed) { "FakeSource: read after close" }
        beforeRead.at(reads)
        val channels = format.numChannels
        val left = song.size / channels - at
        if (left == 0) return AudioSource.END
        val size = minOf(numSamples, sizes[reads++ % sizes.size], left)
        song.copyInto(into, 0, at * channels, (at + size) * channels)
        at += size
        return size
    }

    override fun seek(sample: Long) {
        calls += "seek $sample"
        at = sample.toInt()
    }

    override fun close() {
        closed = true
    }
}
