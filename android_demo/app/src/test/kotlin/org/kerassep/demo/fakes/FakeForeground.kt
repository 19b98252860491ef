package org.kerassep.demo.fakes

import kotlinx.coroutines.CompletableDeferred
import org.kerassep.demo.audio.AudioException
import org.kerassep.demo.audio.Problem
import org.kerassep.demo.audio.SourceKind
import org.kerassep.demo.player.Foreground

/** @param log receives the kind that is entered, and "leave". */
class FakeForeground(private val log: MutableList<String>) : Foreground {
    var refuses = false

    /** What [enter] waits for, if it is to wait. */
    var gate: CompletableDeferred<Unit>? = null

    override suspend fun enter(kind: SourceKind) {
        log += "enter $kind"
        gate?.await()
        if (refuses) throw AudioException(Problem.BACKGROUND_DENIED, "not from the background")
    }

    override suspend fun leave() {
        log += "leave"
    }
}
