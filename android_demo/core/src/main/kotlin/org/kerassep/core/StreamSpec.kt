package org.kerassep.core

/**
 * What a stream is: its audio format and its short-time Fourier transform (STFT). keras_sep/spec.py is the reference;
 * checks and messages are the same.
 *
 * @property sampleRate Hz, 8000 to 192000.
 * @property numChannels channels of the mixture and of every stem, 1 to 64.
 * @property frameLength samples of one STFT frame, even; 2048 = 46.4 ms at 44100 Hz in the shipped models.
 * @property frameStep samples from one frame to the next; divides [frameLength], at most a third of it.
 * @property fftLength points of the Fourier transform, even, ≥ [frameLength] (zero-padded behind).
 * @property window "hann", periodic; for analysis and for synthesis.
 * @property sources names of the stems, in the order of the masks.
 * @property views what a network sees of the mixture: the channels themselves, "left" and "right" of two, and behind
 *     them "mid" and "side", |L + R| / √2 and |L − R| / √2, if it has them.
 * @throws IllegalArgumentException names the field, the value received and what was expected.
 */
data class StreamSpec(
    val sampleRate: Int,
    val numChannels: Int,
    val frameLength: Int,
    val frameStep: Int,
    val fftLength: Int,
    val window: String,
    val sources: List<String>,
    val views: List<String> = channelViews(numChannels),
) {
    init {
        val integers = listOf(sampleRate, numChannels, frameLength, frameStep, fftLength).map(Int::toLong)
        check(integers, window, sources, views)
    }

    /** Bins of the half spectrum, from 0 Hz to half the sample rate, both included. */
    val numBins: Int get() = fftLength / 2 + 1

    /** Magnitudes that a network sees of each bin: one for each channel, and two more with mid and side. */
    val numViews: Int get() = views.size

    /**
     * Samples by which a stem lags behind the mixture: one frame.
     *
     * A frame's first [frameStep] samples are complete once its last sample is there (frameLength − frameStep
     * samples), and samples arrive in steps (frameStep more).
     */
    val algorithmicLatency: Int get() = frameLength

    val algorithmicLatencyMs: Double get() = 1000.0 * algorithmicLatency / sampleRate

    companion object {
        private const val MOST_CHANNELS = 64
        private val INTEGERS = listOf("sample_rate", "num_channels", "frame_length", "frame_step", "fft_length")
        private const val VIEWS = "views"
        private val FIELDS = (INTEGERS + listOf("window", "sources", VIEWS)).sorted()
        private val WINDOWS = listOf("hann")
        private val MID_SIDE = listOf("mid", "side")

        /** @throws IllegalArgumentException not JSON, or fields that do not fit; says which. */
        fun fromJson(text: String): StreamSpec {
            val fields = try {
                Json.parse(text)
            } catch (_: JsonException) {
                throw IllegalArgumentException("StreamSpec: expected JSON. Received: ${pythonRepr(text.take(80))}")
            }
            @Suppress("UNCHECKED_CAST") // keys of a JSON object are strings
            return fromMap(fields as? Map<String, Any?> ?: refuseFields(fields as? String ?: pythonRepr(fields)))
        }

        /**
         * @param fields by Python's names: sample_rate, num_channels, …
         * @throws IllegalArgumentException fields that do not fit; says which.
         */
        fun fromMap(fields: Map<String, Any?>): StreamSpec {
            // Files of the first release name no views: their networks see the channels.
            if ((fields.keys + VIEWS).sorted() != FIELDS) refuseFields(pythonRepr(fields.keys.sorted()))
            val integers = INTEGERS.map { name ->
                when (val value = fields[name]) {
                    is Int -> value.toLong()
                    is Long -> value
                    else -> throw IllegalArgumentException(
                        "StreamSpec: $name must be an integer. Received: $name=${pythonRepr(value)}",
                    )
                }
            }
            val sources = fields["sources"] as? List<*> ?: listOf(fields["sources"])
            val views = fields[VIEWS]?.let { it as? List<*> ?: listOf(it) }
            check(integers, fields["window"], sources, views)
            val (sampleRate, numChannels, frameLength, frameStep, fftLength) = integers.map(Math::toIntExact)
            return StreamSpec(
                sampleRate, numChannels, frameLength, frameStep, fftLength,
                fields["window"] as String, sources.map { it as String },
                views?.map { it as String } ?: channelViews(numChannels),
            )
        }

        private fun channelViews(numChannels: Int): List<String> = when (numChannels) {
            1 -> listOf("mono")
            2 -> listOf("left", "right")
            else -> List(numChannels.coerceAtLeast(0)) { "channel_${it + 1}" }
        }

        /** All fields at once, in Python's order; of any type where JSON may hold any; no views are the channels. */
        private fun check(integers: List<Long>, window: Any?, sources: List<*>, views: List<*>?) {
            val (sampleRate, numChannels, frameLength, frameStep, fftLength) = integers
            check(sampleRate in 8000..192000, "sample_rate", "from 8000 to 192000 Hz") { "$sampleRate" }
            check(numChannels in 1..MOST_CHANNELS, "num_channels", "from 1 to $MOST_CHANNELS") { "$numChannels" }
            check(frameLength >= 4 && frameLength % 2 == 0L, "frame_length", "an even number of at least 4") {
                "$frameLength"
            }
            // A squared Hann window adds up to a constant only with three or more frames over each sample.
            check(
                frameStep >= 1 && frameLength % frameStep == 0L && frameLength >= 3 * frameStep,
                "frame_step", "a divisor of frame_length=$frameLength, at most a third of it",
            ) { "$frameStep" }
            check(
                fftLength >= frameLength && fftLength % 2 == 0L,
                "fft_length", "even and at least frame_length=$frameLength",
            ) { "$fftLength" }
            for ((name, value) in INTEGERS zip integers) check(value <= Int.MAX_VALUE, name, "below 2^31") { "$value" }
            check(window in WINDOWS, "window", "one of ${WINDOWS.joinToString()}") { pythonRepr(window) }
            check(
                sources.isNotEmpty() && sources.toSet().size == sources.size && sources.all(::isIdentifier),
                "sources", "distinct names made of letters, digits and _",
            ) { pythonTuple(sources) }
            if (views == null) return
            val channels = channelViews(numChannels.toInt())
            val known = if (numChannels == 2L) listOf(channels, channels + MID_SIDE) else listOf(channels)
            check(views in known, VIEWS, "one of ${known.joinToString { pythonTuple(it) }}") { pythonTuple(views) }
        }

        private inline fun check(condition: Boolean, name: String, expected: String, received: () -> String) =
            require(condition) { "StreamSpec: $name must be $expected. Received: $name=${received()}" }

        private fun isIdentifier(name: Any?): Boolean =
            name is String && name.isNotEmpty() && !name[0].isDigit() && name.all { it.isLetterOrDigit() || it == '_' }

        private fun refuseFields(found: String): Nothing = throw IllegalArgumentException(
            "StreamSpec: expected the fields ${pythonRepr(FIELDS)}. Received: $found",
        )
    }
}
