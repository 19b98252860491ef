package org.kerassep.core

/**
 * Fourier transform of real float32 numbers, in place, with the bits of NumPy's float32 `rfft` and `irfft`.
 *
 * The order of operations is that of FFTPACK (Swarztrauber 1982), which NumPy's pocketfft keeps: stages of radix 4,
 * and one of radix 2 where the length is no power of 4. A quantised network turns another rounding of its input into
 * another output, so this equality is worth more than a faster order.
 *
 * A half spectrum lies in one array of [length] numbers: re 0, re 1, im 1, re 2, im 2, …, re length/2; the imaginary
 * parts of the first and the last bin are zero. Not thread-safe.
 *
 * @property length a power of two, ≥ 4.
 */
class Fft(val length: Int) {
    private val stages: List<FftStage>
    private var from = FloatArray(length)
    private var to = FloatArray(length)

    init {
        require(length >= 4 && length and (length - 1) == 0) {
            "Fft: length must be a power of two, at least 4. Received: length=$length"
        }
        val bits = length.countTrailingZeroBits()
        val first = if (bits % 2 == 1) listOf(FftStage2(length)) else emptyList()
        stages = first + List(bits / 2) { FftStage4(length, groups = (1 shl bits % 2) shl 2 * it) }
    }

    /** [length] samples → half spectrum, not scaled. */
    fun forward(x: FloatArray) {
        x.copyInto(from, endIndex = length)
        for (i in stages.indices.reversed()) {
            stages[i].forward(from, to)
            swap()
        }
        from.copyInto(x)
    }

    /** Half spectrum → [length] samples, divided by [length]: the inverse of [forward]. */
    fun inverse(x: FloatArray) {
        x.copyInto(from, endIndex = length)
        for (i in stages.indices) {
            stages[i].inverse(from, to)
            swap()
        }
        val scale = 1f / length
        for (i in 0 until length) x[i] = from[i] * scale
    }

    private fun swap() {
        val result = to
        to = from
        from = result
    }
}
