package org.kerassep.demo.ui

/** @property required whether nothing can be heard without it. */
enum class Permission(val required: Boolean) {
    /** The microphone; other applications' sound as well. */
    RECORD_AUDIO(required = true),

    /** Play and pause outside of the application. */
    NOTIFICATIONS(required = false),
}
