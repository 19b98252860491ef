package org.kerassep.core

/** Stereo at one rate, and the same at another by SciPy with our kernel and by soxr with its own. */
class GoldenResampling(entry: Map<String, Any?>) {
    val rateIn = (entry["rate_in"] as Long).toInt()
    val rateOut = (entry["rate_out"] as Long).toInt()
    val input: FloatArray = Golden.floats(entry["input"])
    val output: FloatArray = Golden.floats(entry["output"])
    val soxr: FloatArray = Golden.floats(entry["soxr"])

    override fun toString(): String = "$rateIn to $rateOut Hz"
}
