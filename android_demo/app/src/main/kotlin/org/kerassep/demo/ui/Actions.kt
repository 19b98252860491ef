package org.kerassep.demo.ui

import org.kerassep.demo.audio.Mix

/** What the listener can do on the screen. */
interface Actions {
    fun playExample()

    fun pickFile()

    fun listen()

    fun capture()

    fun playOrPause()

    fun stop()

    fun seek(positionMs: Long)

    fun mix(mix: Mix)

    fun choose(file: String)

    fun showLicence()

    /** Of the dialog that is shown. */
    fun confirm()

    fun dismiss()

    /** Takes the voice's oldest spectrum, in dB, if there is one. */
    fun pollVocals(into: FloatArray): Boolean

    fun pollAccompaniment(into: FloatArray): Boolean
}
