package org.kerassep.core

/**
 * Where the time goes between a sound that arrives and the separated sound that is heard, in ms.
 *
 * @property inputDeviceMs from the microphone, or another application's player, to the buffer that is read.
 * @property inputBufferMs samples that wait there for a whole block.
 * @property resamplingMs to the model's sample rate and back.
 * @property algorithmMs one STFT frame.
 * @property outputBufferMs samples that wait to be played.
 * @property outputDeviceMs from that buffer to the loudspeaker.
 */
data class Latency(
    val inputDeviceMs: Double,
    val inputBufferMs: Double,
    val resamplingMs: Double,
    val algorithmMs: Double,
    val outputBufferMs: Double,
    val outputDeviceMs: Double,
) {
    init {
        require(parts.all { it >= 0.0 && it.isFinite() }) {
            "Latency: every part must be at least 0 ms. Received: $this"
        }
    }

    val totalMs: Double get() = parts.sum()

    private val parts: List<Double>
        get() = listOf(inputDeviceMs, inputBufferMs, resamplingMs, algorithmMs, outputBufferMs, outputDeviceMs)
}
