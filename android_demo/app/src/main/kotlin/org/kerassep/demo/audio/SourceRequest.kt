package org.kerassep.demo.audio

/** What the listener asked to hear. */
sealed interface SourceRequest {
    val kind: SourceKind

    /** The song that is shipped with the application. */
    data object Example : SourceRequest {
        override val kind get() = SourceKind.FILE
    }

    /** @property uri as the system's file picker gave it. */
    data class File(val uri: String) : SourceRequest {
        override val kind get() = SourceKind.FILE
    }

    data object Microphone : SourceRequest {
        override val kind get() = SourceKind.MICROPHONE
    }

    data class OtherApps(val consent: CaptureConsent) : SourceRequest {
        override val kind get() = SourceKind.OTHER_APPS
    }
}
