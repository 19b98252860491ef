package org.kerassep.core

/** Lets a stream through [numSamples] samples late, silence first. Nothing is allocated after construction. */
class DelayLine(private val numSamples: Int, private val numChannels: Int) {
    private val past = FloatArray(numSamples * numChannels)
    private var place = 0 // of the oldest number

    fun reset() = past.fill(0f)

    /** Replaces the next samples of the stream, interleaved, by those that are due. */
    fun push(samples: FloatArray, offset: Int, count: Int) {
        if (past.isEmpty()) return
        for (i in offset * numChannels until (offset + count) * numChannels) {
            val due = past[place]
            past[place] = samples[i]
            samples[i] = due
            if (++place == past.size) place = 0
        }
    }
}
