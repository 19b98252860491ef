package org.kerassep.demo.audio

import android.annotation.SuppressLint
import android.media.AudioFormat
import android.media.AudioManager
import android.media.AudioRecord
import android.media.MediaRecorder.AudioSource as Input

/** Opens the microphone with as little of the system's own processing as the device allows. */
class Microphone(private val manager: AudioManager) {
    /** @throws AudioException no microphone, no permission, or another application has it. */
    fun open(sampleRate: Int): AudioSource {
        // Voice processing (echo, noise, gain) is made for speech and spoils music: the least of it first.
        val unprocessed = manager.getProperty(AudioManager.PROPERTY_SUPPORT_AUDIO_SOURCE_UNPROCESSED).toBoolean()
        val inputs = listOfNotNull(Input.UNPROCESSED.takeIf { unprocessed }, Input.VOICE_RECOGNITION, Input.MIC)
        for (input in inputs) {
            for (mask in intArrayOf(AudioFormat.CHANNEL_IN_STEREO, AudioFormat.CHANNEL_IN_MONO)) {
                open(input, sampleRate, mask)?.let { return RecordSource(it, Problem.MICROPHONE_UNAVAILABLE) }
            }
        }
        refuse("$sampleRate Hz in none of ${inputs.size} modes")
    }

    @SuppressLint("MissingPermission") // asked for before; a refusal is a SecurityException
    private fun open(input: Int, sampleRate: Int, mask: Int): AudioRecord? =
        try {
            val record = AudioRecord.Builder()
                .setAudioSource(input)
                .setAudioFormat(RecordSource.format(sampleRate, mask))
                .setBufferSizeInBytes(RecordSource.bufferBytes(sampleRate, mask, Integer.bitCount(mask)))
                .build()
            record.takeIf { it.state == AudioRecord.STATE_INITIALIZED } ?: record.release().let { null }
        } catch (_: UnsupportedOperationException) {
            null // the next mode may do
        } catch (_: IllegalArgumentException) {
            null
        } catch (error: SecurityException) {
            refuse("${error.message}")
        }

    private fun refuse(received: String): Nothing =
        throw AudioException(Problem.MICROPHONE_UNAVAILABLE, "expected a microphone. Received: $received")
}
