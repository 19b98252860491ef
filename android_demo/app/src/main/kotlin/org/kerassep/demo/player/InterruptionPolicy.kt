package org.kerassep.demo.player

import org.kerassep.demo.audio.SourceKind

/** What an interruption means for what plays. One thread. */
class InterruptionPolicy {
    enum class Order { NOTHING, PAUSE, RESUME, LOWER, RAISE, ASK_AGAIN }

    private var resumes = false // when a short interruption is over

    /** The listener decided meanwhile, or something else is open now. */
    fun forget() {
        resumes = false
    }

    /** @param kind of what is open. @param playing whether it is heard now. */
    fun decide(what: Interruption, kind: SourceKind, playing: Boolean): Order {
        if (kind == SourceKind.OTHER_APPS && what != Interruption.NOISY) {
            // They are to go on and must not stop us; when one begins a song, it is to be quieter again.
            return if (what == Interruption.LOSS && playing) Order.ASK_AGAIN else Order.NOTHING
        }
        return when (what) {
            Interruption.DUCK -> Order.LOWER
            Interruption.GAIN -> if (resumes) Order.RESUME.also { forget() } else Order.RAISE
            Interruption.LOSS, Interruption.NOISY -> Order.PAUSE.also { forget() }
            Interruption.SHORT_LOSS -> Order.PAUSE.also { resumes = resumes || playing }
        }
    }
}
