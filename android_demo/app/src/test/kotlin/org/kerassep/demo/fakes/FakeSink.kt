package org.kerassep.demo.fakes

import org.kerassep.demo.audio.AudioSink
import org.kerassep.demo.audio.StreamFormat
import java.util.concurrent.CopyOnWriteArrayList

/**
 * Keeps what is played, of at most [room] samples; a live test says how many samples [offer] has room for.
 *
 * @param beforeWrite called with the number of samples so far, on the audio thread.
 */
class FakeSink(
    override val format: StreamFormat = StreamFormat(44100, 2),
    room: Int = 1_000_000,
    private val beforeWrite: Hook = Hook {},
) : AudioSink {
    override val capacity get() = CAPACITY
    override var cushion = 64
    override var pending = 0
    override val deviceLatencyMs get() = 10.0

    @Volatile
    override var underruns = 0

    @Volatile
    override var volume = 1f

    private val samples = FloatArray(room * format.numChannels)

    @Volatile
    var numSamples = 0
        private set
    var offered = Int.MAX_VALUE

    @Volatile
    var closed = false
        private set
    val calls = CopyOnWriteArrayList<String>()

    /** What was played, interleaved. */
    fun played(): FloatArray = samples.copyOf(numSamples * format.numChannels)

    override fun play() {
        calls += "play"
    }

    override fun pause() {
        calls += "pause"
    }

    override fun flush() {
        calls += "flush"
        pending = 0
    }

    override fun widen() {
        calls += "widen"
        cushion += 64
    }

    override fun write(from: FloatArray, offset: Int, numSamples: Int) {
        check(!closed) { "FakeSink: write after close" }
        beforeWrite.at(this.numSamples)
        val channels = format.numChannels
        from.copyInto(samples, this.numSamples * channels, offset * channels, (offset + numSamples) * channels)
        this.numSamples += numSamples
    }

    override fun offer(from: FloatArray, offset: Int, numSamples: Int): Int {
        val size = minOf(numSamples, offered)
        write(from, offset, size)
        return size
    }

    override fun close() {
        closed = true
    }

    companion object {
        const val CAPACITY = 128
    }
}
