package org.kerassep.demo.audio

import android.media.AudioManager

/**
 * What the device's output runs at; streams that match it stay on the system's fast path.
 *
 * @property sampleRate Hz. @property burstSamples that the device takes at once.
 */
class NativeAudio(manager: AudioManager) {
    val sampleRate = positive(manager.getProperty(AudioManager.PROPERTY_OUTPUT_SAMPLE_RATE)) ?: USUAL_RATE
    val burstSamples = positive(manager.getProperty(AudioManager.PROPERTY_OUTPUT_FRAMES_PER_BUFFER)) ?: USUAL_BURST

    private companion object {
        const val USUAL_RATE = 48000
        const val USUAL_BURST = 256

        fun positive(property: String?): Int? = property?.toIntOrNull()?.takeIf { it > 0 }
    }
}
