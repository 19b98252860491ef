package org.kerassep.demo.player

import org.kerassep.demo.audio.SourceKind

/** Lets the application go on while it is not on the screen. */
interface Foreground {
    /**
     * Returns when a service of the right kind runs, which the system demands before a microphone or other applications
     * are heard.
     *
     * @throws org.kerassep.demo.audio.AudioException the system refuses.
     */
    suspend fun enter(kind: SourceKind)

    suspend fun leave()
}
