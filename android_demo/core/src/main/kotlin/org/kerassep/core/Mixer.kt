package org.kerassep.core

/**
 * Adds the stems, each at its level, or lets the original through.
 *
 * Levels may be set from any thread; what is heard follows within 20 ms, without a click. Samples are interleaved;
 * offsets and counts are in samples a channel. Nothing is allocated after construction.
 *
 * @param sampleRate Hz.
 */
class Mixer(private val numChannels: Int, sampleRate: Int) {
    /** dB; −60 or less is silence, more than +6 counts as +6. */
    @Volatile
    var vocalsGainDb = 0f

    /** dB; −60 or less is silence, more than +6 counts as +6. */
    @Volatile
    var accompanimentGainDb = 0f

    /** Whether the original is heard instead of the stems. */
    @Volatile
    var bypass = false

    private val rampSamples = maxOf(1, (RAMP_S * sampleRate).toInt())
    private val vocalsGain = Ramp(1f, rampSamples)
    private val accompanimentGain = Ramp(1f, rampSamples)
    private val originalShare = Ramp(0f, rampSamples)

    /**
     * Mixes the next samples into [out]; at 0 dB the bits of the stems' plain sum.
     *
     * @param original the mixture that the stems were made of, aligned with them.
     */
    fun mix(
        original: FloatArray,
        vocals: FloatArray,
        accompaniment: FloatArray,
        offset: Int,
        numSamples: Int,
        out: FloatArray,
        outOffset: Int,
    ) {
        // Read once a block: other threads set them.
        val vocalsTarget = Gain.ofDb(vocalsGainDb)
        val accompanimentTarget = Gain.ofDb(accompanimentGainDb)
        val originalTarget = if (bypass) 1f else 0f
        var from = offset * numChannels
        var to = outOffset * numChannels
        repeat(numSamples) {
            val v = vocalsGain.next(vocalsTarget)
            val a = accompanimentGain.next(accompanimentTarget)
            val share = originalShare.next(originalTarget)
            repeat(numChannels) {
                val mix = v * vocals[from] + a * accompaniment[from]
                out[to++] = when (share) {
                    0f -> mix
                    1f -> original[from]
                    else -> (1f - share) * mix + share * original[from]
                }
                from++
            }
        }
    }

    private companion object {
        const val RAMP_S = 0.02 // long enough not to click
    }
}
