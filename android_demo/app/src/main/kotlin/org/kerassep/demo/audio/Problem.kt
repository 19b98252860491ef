package org.kerassep.demo.audio

/** What can go wrong; the user interface has an advice for each. */
enum class Problem {
    FILE_UNREADABLE,
    FILE_PROTECTED,
    FILE_UNSUPPORTED,
    MICROPHONE_UNAVAILABLE,
    CAPTURE_UNAVAILABLE,
    CAPTURE_ENDED,
    OUTPUT_UNAVAILABLE,
    OUTPUT_LOST,
    FOCUS_DENIED,
    BACKGROUND_DENIED,
    MODELS_MISSING,
    MODEL_UNUSABLE,

    /** Not as bad: another one separates in its place. */
    MODEL_REPLACED,
}
