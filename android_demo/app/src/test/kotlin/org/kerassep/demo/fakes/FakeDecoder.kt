package org.kerassep.demo.fakes

import org.kerassep.demo.audio.AudioException
import org.kerassep.demo.audio.AudioSource
import org.kerassep.demo.audio.Decoder
import org.kerassep.demo.audio.Problem
import org.kerassep.demo.audio.StreamFormat

/** A song from memory, in buffers of changing size, as codecs give them. */
class FakeDecoder(private val song: FloatArray) : Decoder {
    override val format = StreamFormat(44100, 2)
    override val title = "A song"
    override val numSamples = song.size / 2L
    override var samples = FloatArray(0)
        private set
    var damagedAt = Int.MAX_VALUE

    @Volatile
    var closed = false
        private set
    private var at = 0
    private var calls = 0

    override fun decode(): Int {
        val size = minOf(1 + 577 * calls++ % 2048, song.size / 2 - at, damagedAt - at)
        if (at == damagedAt) throw AudioException(Problem.FILE_UNREADABLE, "damaged")
        if (size == 0) return AudioSource.END
        samples = song.cut(at, at + size)
        at += size
        return size
    }

    override fun seek(sample: Long) {
        at = sample.toInt()
    }

    override fun close() {
        closed = true
    }
}
