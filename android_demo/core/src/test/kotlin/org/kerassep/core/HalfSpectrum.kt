package org.kerassep.core

/** Real part of a bin of a half spectrum as [Fft] lays it out. */
fun re(spectrum: FloatArray, bin: Int): Float = if (bin == 0) spectrum[0] else spectrum[2 * bin - 1]

/** Imaginary part; zero for the first and the last bin. */
fun im(spectrum: FloatArray, bin: Int): Float = if (bin == 0 || 2 * bin == spectrum.size) 0f else spectrum[2 * bin]
