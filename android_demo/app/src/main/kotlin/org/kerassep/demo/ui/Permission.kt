package org.kerassep.demo.ui

/** @property required whether nothing can be heard without it. */
enum class Permission(val required: Boolean) {
    /** The microphone; other applications' sound as well. */
    RECORD_AUDIO(required = true),

    /** That it listens is shown outside of the application; what plays a song may say so without. */
    NOTIFICATIONS(required = false),
}
