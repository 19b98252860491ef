package org.kerassep.demo.player

import org.kerassep.demo.audio.Mix

/** What is remembered from one start to the next. */
interface Settings {
    var mix: Mix

    /** File of the chosen model; null for the preferred one. */
    var model: String?
}
