package org.kerassep.core

/**
 * Fourier transform of real numbers, in place: float32 outside, float64 inside, rounded once at the end.
 *
 * The order of operations is that of FFTPACK (Swarztrauber 1982), which NumPy's pocketfft keeps: stages of radix 4,
 * and one of radix 2 where the length is no power of 4. So [forward] gives the bits of NumPy's `rfft`, and that is
 * worth more than a faster order: a quantised network turns another rounding of its input into another output.
 *
 * A half spectrum lies in one array of [length] numbers: re 0, re 1, im 1, re 2, im 2, …, re length/2; the imaginary
 * parts of the first and the last bin are zero. Nothing is allocated after construction. Not thread-safe.
 *
 * @property length a power of two, ≥ 4.
 */
class Fft(val length: Int) {
    init {
        require(length >= 4 && length and (length - 1) == 0) {
            "Fft: length must be a power of two, at least 4. Received: length=$length"
        }
    }

    private val stages: List<FftStage>
    private var from = DoubleArray(length)
    private var to = DoubleArray(length)

    init {
        val bits = length.countTrailingZeroBits()
        val first = if (bits % 2 == 1) listOf(FftStage2(length)) else emptyList()
        stages = first + List(bits / 2) { FftStage4(length, groups = (1 shl bits % 2) shl 2 * it) }
    }

    /** [length] samples → half spectrum, not scaled. */
    fun forward(x: FloatArray) {
        for (i in 0 until length) from[i] = x[i].toDouble()
        for (i in stages.lastIndex downTo 0) {
            stages[i].forward(from, to)
            swap()
        }
        for (i in 0 until length) x[i] = from[i].toFloat()
    }

    /** Half spectrum → [length] samples, divided by [length]: the inverse of [forward]. */
    fun inverse(x: FloatArray) {
        for (i in 0 until length) from[i] = x[i].toDouble()
        for (i in stages.indices) {
            stages[i].inverse(from, to)
            swap()
        }
        for (i in 0 until length) x[i] = (from[i] / length).toFloat()
    }

    private fun swap() {
        val result = to
        to = from
        from = result
    }
}
