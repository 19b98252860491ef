package org.kerassep.demo.audio

import org.kerassep.core.ModelFileException
import java.util.concurrent.atomic.AtomicLong
import java.util.concurrent.atomic.AtomicReference
import java.util.concurrent.locks.LockSupport
import java.util.concurrent.locks.ReentrantLock
import kotlin.concurrent.withLock

/**
 * The audio thread: source → separation → sink, until it is stopped. A block takes no lock and allocates nothing, but
 * for the few small objects that LiteRT's Java layer makes a step.
 *
 * Songs wait for the sink. The stems' delay at their beginning is dropped, so that sample i of the song is sample i
 * of what is played, and the last one is played too. Live sound sets the pace: it starts over a cushion of silence in
 * the sink, gets a longer one whenever the sink ran dry, and what the sink has no room for is lost.
 *
 * The other methods may be called from any thread; they take effect between two blocks.
 */
class AudioLoop(
    private val source: AudioSource,
    private val sink: AudioSink,
    separation: Separation,
    mix: Mix,
    private val listener: Listener,
) : Runnable {
    /** Called on the audio thread. */
    interface Listener {
        /** The last sample of the song was played; the loop pauses. */
        fun onEnd()

        /** The loop is over. */
        fun onFailure(error: AudioException)

        /** Another separation took this one's place. */
        fun onRetired(separation: Separation)
    }

    @Volatile
    var separation = separation
        private set

    @Volatile
    var mix = mix
        set(value) {
            field = value
            separation.apply(value)
        }

    /** Blocks that the sink had no room for, whole or in part. */
    @Volatile
    var overruns = 0
        private set

    @Volatile
    private var playing = false

    @Volatile
    private var stopped = false

    @Volatile
    private var base = 0L // of the song, in its samples, where counting began

    @Volatile
    private var written = 0L // to the sink since then

    @Volatile
    private var padding = 0 // silence in the sink, behind the song

    private val seekTarget = AtomicLong(NONE)
    private val replacement = AtomicReference<Separation?>()
    private val gate = ReentrantLock()
    private val changed = gate.newCondition() // where a paused loop waits

    // Of the audio thread alone.
    private val silence = FloatArray(sink.capacity * sink.format.numChannels)
    private var running = false
    private var lead = 0
    private var underruns = 0

    init {
        separation.apply(mix)
    }

    /** The sample of the song that leaves the sink now, or is sought; live, samples since the beginning. */
    val position: Long
        get() = seekTarget.get().takeIf { it != NONE } ?: heard

    private val heard: Long
        get() = base + toSource(maxOf(0, written - maxOf(0, sink.pending - padding)))

    fun play() = change { playing = true }

    fun pause() = change { playing = false }

    fun stop() = change { stopped = true }

    fun seek(sample: Long) = change { seekTarget.set(sample) }

    /** Separates with [next] from the next block on; returns one that was to come and did not. */
    fun replace(next: Separation): Separation? {
        val passedOver = replacement.getAndSet(next)
        change { }
        return passedOver
    }

    override fun run() {
        try {
            lead = leadOf(separation)
            while (!stopped) {
                replacement.getAndSet(null)?.let { adopt(it) }
                val target = seekTarget.get()
                if (target != NONE) {
                    jump(target)
                    seekTarget.compareAndSet(target, NONE) // unless another one is sought by now
                }
                if (playing) {
                    begin()
                    block()
                } else {
                    halt()
                    await()
                }
            }
        } catch (error: AudioException) {
            if (!stopped) listener.onFailure(error)
        } catch (error: ModelFileException) {
            listener.onFailure(AudioException(Problem.MODEL_UNUSABLE, error.message.orEmpty(), error))
        } finally {
            halt()
        }
    }

    /** A separation that [replace] left behind in a loop that ended before it was needed. */
    fun leftOver(): Separation? = replacement.getAndSet(null)

    private inline fun change(what: () -> Unit) {
        what()
        gate.withLock { changed.signal() }
    }

    private fun await() = gate.withLock {
        while (!stopped && !playing && seekTarget.get() == NONE && replacement.get() == null) changed.await()
    }

    private fun begin() {
        if (running) return
        running = true
        source.start()
        sink.play()
        if (source.live) {
            separation.pipeline.reset()
            underruns = sink.underruns
            sink.offer(silence, 0, sink.cushion)
        }
    }

    private fun halt() {
        if (!running) return
        running = false
        source.pause()
        sink.pause()
        if (source.live) sink.flush() // late sound is of no use
    }

    private fun block() {
        val now = separation
        val size = source.read(now.input, now.blockSamples)
        when {
            size > 0 -> give(now.pipeline.process(now.input, 0, size, now.output, 0))
            size == AudioSource.END -> finish()
            else -> LockSupport.parkNanos(POLL_NANOS)
        }
    }

    private fun give(numSamples: Int) {
        val dropped = minOf(lead, numSamples)
        lead -= dropped
        val size = numSamples - dropped
        val output = separation.output
        if (source.live) {
            if (sink.underruns != underruns) refill(size)
            if (sink.offer(output, dropped, size) < size) overruns++
        } else {
            sink.write(output, dropped, size)
        }
        written += size
    }

    /** After the sink ran dry: a longer cushion, filled up with silence but for the [numSamples] that come next. */
    private fun refill(numSamples: Int) {
        underruns = sink.underruns
        sink.widen()
        sink.offer(silence, 0, maxOf(0, sink.cushion - sink.pending - numSamples))
    }

    private fun finish() {
        give(separation.pipeline.flush(separation.output, 0))
        lead = leadOf(separation)
        while (padding < sink.capacity) { // pushes the last samples out of the buffer
            val size = minOf(PADDING, sink.capacity - padding)
            sink.write(silence, 0, size)
            padding += size
            if (stopped || seekTarget.get() != NONE) return
        }
        playing = false
        listener.onEnd()
    }

    private fun jump(sample: Long) {
        if (source.live) return
        source.seek(sample)
        sink.pause()
        sink.flush()
        if (running) sink.play()
        restart(separation)
        base = sample
        written = 0
        padding = 0
    }

    private fun adopt(next: Separation) {
        val old = separation
        separation = next
        next.apply(mix)
        if (!source.live) source.seek(base + toSource(written)) // what the old one would have given next
        restart(next)
        listener.onRetired(old)
    }

    private fun restart(separation: Separation) {
        separation.pipeline.reset()
        lead = leadOf(separation)
    }

    private fun leadOf(separation: Separation) = if (source.live) 0 else separation.lead

    private fun toSource(numSamples: Long) = numSamples * source.format.sampleRate / sink.format.sampleRate

    private companion object {
        const val NONE = -1L
        const val POLL_NANOS = 1_000_000L
        const val PADDING = 256
    }
}
