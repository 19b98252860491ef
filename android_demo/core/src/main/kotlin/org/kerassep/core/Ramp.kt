package org.kerassep.core

/** A number that moves to its target in a straight line, sample by sample, so that a change of level does not click. */
internal class Ramp(private var value: Float, private val numSamples: Int) {
    private var aim = value
    private var start = value
    private var left = 0

    /** The next sample's value, on the way to [target]. */
    fun next(target: Float): Float {
        if (target != aim) {
            aim = target
            start = value
            left = numSamples
        }
        if (left > 0) {
            left--
            value = aim + (start - aim) * left / numSamples
        }
        return value
    }
}
