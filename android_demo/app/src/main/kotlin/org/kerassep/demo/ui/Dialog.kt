package org.kerassep.demo.ui

/** What the screen says before, or instead of, what was asked for. */
sealed interface Dialog {
    /** Without headphones the microphone hears the loudspeaker. */
    data object HeadphonesAdvised : Dialog

    /** What the system's own dialog will ask, and why. */
    data object CaptureExplained : Dialog

    /** @property forever whether the system will not ask again. */
    data class MicrophoneDenied(val forever: Boolean) : Dialog

    /** @property text of the weights' licence. */
    data class Licence(val text: String) : Dialog
}
