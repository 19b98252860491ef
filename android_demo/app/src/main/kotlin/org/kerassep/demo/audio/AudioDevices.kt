package org.kerassep.demo.audio

/** Opens what samples come from and go to. Slow calls, not for the main thread. */
interface AudioDevices {
    /** @throws AudioException it cannot be opened. */
    fun openSource(request: SourceRequest): AudioSource

    /** @param live whether a short delay matters more than a long buffer. @throws AudioException as above. */
    fun openSink(live: Boolean): AudioSink
}
