package org.kerassep.demo.ui

/** What only the activity can do. */
sealed interface Effect {
    data object PickFile : Effect

    data class AskPermissions(val permissions: List<Permission>) : Effect

    data object AskCaptureConsent : Effect

    data object OpenSettings : Effect
}
