package org.kerassep.demo.audio

/** @property sampleRate Hz. @property numChannels interleaved in every block. */
data class StreamFormat(val sampleRate: Int, val numChannels: Int)
