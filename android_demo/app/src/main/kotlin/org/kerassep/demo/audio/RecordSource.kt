package org.kerassep.demo.audio

import android.media.AudioFormat
import android.media.AudioRecord
import android.media.AudioTimestamp

/**
 * An AudioRecord as a live source: the microphone, or what other applications play.
 *
 * @param lost what it means when the record gives nothing more.
 * @param onClose called when the record is released.
 */
class RecordSource(
    private val record: AudioRecord,
    private val lost: Problem,
    private val onClose: () -> Unit = {},
) : AudioSource {
    override val format = StreamFormat(record.sampleRate, record.channelCount)
    override val title: String? get() = null
    override val numSamples: Long? get() = null
    override val live get() = true
    override val blockSamples = format.sampleRate / BLOCKS_PER_SECOND

    private val timestamp = AudioTimestamp()

    @Volatile
    private var taken = 0L // since it was started, as the record counts

    @Volatile
    private var ended = false

    override val latencyMs: Double
        get() = synchronized(timestamp) {
            val known = record.getTimestamp(timestamp, AudioTimestamp.TIMEBASE_MONOTONIC) == AudioRecord.SUCCESS
            if (!known) return 0.0
            val ahead = 1000.0 * (taken - timestamp.framePosition) / format.sampleRate
            maxOf(0.0, (System.nanoTime() - timestamp.nanoTime) / NANOS_PER_MS - ahead)
        }

    override fun start() {
        taken = 0
        try {
            record.startRecording()
        } catch (error: IllegalStateException) {
            throw AudioException(lost, "AudioRecord: ${error.message}", error)
        }
        if (record.recordingState != AudioRecord.RECORDSTATE_RECORDING) {
            throw AudioException(lost, "AudioRecord: expected to record. Received: state ${record.recordingState}")
        }
    }

    override fun pause() = interrupt()

    override fun interrupt() {
        if (record.state == AudioRecord.STATE_INITIALIZED) record.stop()
    }

    /** From any thread: the system said that no more will come. */
    fun end() {
        ended = true
        interrupt()
    }

    override fun read(into: FloatArray, numSamples: Int): Int {
        val floats = record.read(into, 0, numSamples * format.numChannels, AudioRecord.READ_BLOCKING)
        if (ended) throw AudioException(lost, "the source was ended by the system")
        if (floats < 0) throw AudioException(lost, "AudioRecord: expected samples. Received: $floats")
        val size = floats / format.numChannels
        taken += size
        return size
    }

    override fun seek(sample: Long) = Unit

    override fun close() {
        record.release()
        onClose()
    }

    companion object {
        private const val BLOCKS_PER_SECOND = 200 // 5 ms, less than the network's step
        private const val NANOS_PER_MS = 1e6
        private const val BUFFER_MS = 100

        /** float32 at [sampleRate]. */
        fun format(sampleRate: Int, channelMask: Int): AudioFormat = AudioFormat.Builder()
            .setEncoding(AudioFormat.ENCODING_PCM_FLOAT)
            .setSampleRate(sampleRate)
            .setChannelMask(channelMask)
            .build()

        /** Bytes of a buffer that outlasts a late read. */
        fun bufferBytes(sampleRate: Int, channelMask: Int, numChannels: Int): Int = maxOf(
            AudioRecord.getMinBufferSize(sampleRate, channelMask, AudioFormat.ENCODING_PCM_FLOAT),
            sampleRate * BUFFER_MS / 1000 * numChannels * Float.SIZE_BYTES,
        )
    }
}
