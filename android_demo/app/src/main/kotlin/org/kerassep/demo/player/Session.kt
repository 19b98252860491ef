package org.kerassep.demo.player

import org.kerassep.demo.audio.AudioLoop
import org.kerassep.demo.audio.AudioSink
import org.kerassep.demo.audio.AudioSource
import org.kerassep.demo.audio.SourceRequest
import org.kerassep.demo.audio.ThreadStarter
import org.kerassep.demo.model.ModelEntry

/**
 * A source that is open, with the thread that plays it.
 *
 * @property model what it is separated with.
 * @property refused the model that it was to be separated with, where that one does not run.
 */
class Session(
    val request: SourceRequest,
    val source: AudioSource,
    val sink: AudioSink,
    val loop: AudioLoop,
    var model: ModelEntry,
    val refused: RefusedModel?,
    threads: ThreadStarter,
) : AutoCloseable {
    private val thread = threads.start("audio", urgent = true, loop)

    val durationMs: Long? get() = source.numSamples?.let(::toMs)

    val positionMs: Long
        get() = toMs(source.numSamples?.let { minOf(it, loop.position) } ?: loop.position)

    fun toSamples(positionMs: Long): Long = positionMs * source.format.sampleRate / MS_PER_SECOND

    fun meters(): Meters {
        val pipeline = loop.separation.pipeline
        val timer = pipeline.timer
        return Meters(
            positionMs = positionMs,
            p50Ms = timer.p50Ms,
            p99Ms = timer.p99Ms,
            stepMs = timer.periodNanos / NANOS_PER_MS,
            load = timer.load,
            latency = pipeline.latency(
                inputDeviceMs = source.latencyMs,
                inputBufferMs = if (source.live) msOf(source.blockSamples, source.format.sampleRate) else 0.0,
                outputBufferMs = msOf(sink.pending, sink.format.sampleRate),
                outputDeviceMs = sink.deviceLatencyMs,
            ),
            underruns = sink.underruns,
            overruns = loop.overruns,
        )
    }

    /** Waits for the audio thread, at most a block. */
    override fun close() {
        loop.stop()
        source.interrupt()
        thread.join()
        source.close()
        sink.close()
        loop.separation.close()
        loop.leftOver()?.close()
    }

    private fun toMs(numSamples: Long): Long = numSamples * MS_PER_SECOND / source.format.sampleRate

    private companion object {
        const val MS_PER_SECOND = 1000L
        const val NANOS_PER_MS = 1e6f

        fun msOf(numSamples: Int, sampleRate: Int): Double = 1000.0 * numSamples / sampleRate
    }
}
