package org.kerassep.demo.player

import org.kerassep.demo.audio.SourceKind

/** The rest of the device: who else wants to be heard, and headphones that are pulled out. */
interface Interruptions {
    /** Set once, by the player; called on any thread. */
    var listener: (Interruption) -> Unit

    /** Asks to be heard with this; returns whether that is granted. */
    fun begin(kind: SourceKind): Boolean

    /** What was granted is given back. */
    fun end()
}
