package org.kerassep.demo.audio

/** A source or a sink that does not work. @param message one line: what was expected and what was found. */
class AudioException(val problem: Problem, message: String, cause: Throwable? = null) : Exception(message, cause)
