package org.kerassep.core

/** What a .tflite file computes; [id] is its name in the file's metadata. */
enum class Graph(val id: String) {
    /** Magnitude of one STFT frame in, one mask a source out; the transforms are the caller's. */
    MASK("mask"),

    /** Samples in, stems out; the transforms are in the file. */
    WAVEFORM("waveform"),
}
