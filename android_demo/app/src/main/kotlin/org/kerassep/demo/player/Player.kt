package org.kerassep.demo.player

import kotlinx.coroutines.flow.StateFlow
import org.kerassep.demo.audio.Mix
import org.kerassep.demo.audio.SourceRequest

/** Plays one source at a time, separated. All calls return at once; of several, the last one counts. */
interface Player {
    val state: StateFlow<PlayerState>

    /** Null while no source is open. */
    suspend fun meters(): Meters?

    /** What the voice sounds like, for a display: takes the oldest spectrum, in dB, if there is one. */
    fun pollVocals(into: FloatArray): Boolean

    fun pollAccompaniment(into: FloatArray): Boolean

    /** Ends what is open, and plays this. */
    fun open(request: SourceRequest)

    fun play()

    fun pause()

    fun stop()

    fun seek(positionMs: Long)

    fun mix(mix: Mix)

    /** Separates with another of the shipped models, from now on. @param file the model's. */
    fun choose(file: String)

    fun dismissError()
}
