package org.kerassep.demo.ui

import kotlinx.coroutines.flow.Flow

/** What the screen needs to know of the device. */
interface Device {
    /** Whether sound goes where a microphone does not hear it. */
    val headphones: Flow<Boolean>

    /** Whether other applications can be heard: since Android 10. */
    val capturesPlayback: Boolean

    /** What the listener still has to allow before the microphone or other applications are heard. */
    fun missingPermissions(): List<Permission>
}
