package org.kerassep.demo.fakes

import org.kerassep.demo.audio.SourceKind
import org.kerassep.demo.player.Interruption
import org.kerassep.demo.player.Interruptions

class FakeInterruptions : Interruptions {
    override var listener: (Interruption) -> Unit = {}
    var grants = true
    var heard: SourceKind? = null
        private set

    var numBegins = 0
        private set

    override fun begin(kind: SourceKind): Boolean {
        numBegins++
        if (grants) heard = kind
        return grants
    }

    override fun end() {
        heard = null
    }
}
