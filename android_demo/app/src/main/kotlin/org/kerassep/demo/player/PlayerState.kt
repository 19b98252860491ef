package org.kerassep.demo.player

import org.kerassep.demo.audio.Mix
import org.kerassep.demo.audio.SourceKind
import org.kerassep.demo.model.ModelEntry

/**
 * What the player does; a new object for every change.
 *
 * @property source what is open or being opened, null when [phase] is EMPTY.
 * @property title the song's, where the source knows one.
 * @property durationMs of the song, as far as its file says; null live.
 * @property models the shipped ones, the preferred one first. @property model the chosen one of them.
 * @property numSeeks since the application's start: the position jumped when it changes.
 * @property modelLoading whether the chosen one still is being opened, while another one plays.
 */
data class PlayerState(
    val phase: Phase = Phase.EMPTY,
    val source: SourceKind? = null,
    val title: String? = null,
    val durationMs: Long? = null,
    val numSeeks: Int = 0,
    val mix: Mix = Mix.KARAOKE,
    val models: List<ModelEntry> = emptyList(),
    val model: ModelEntry? = null,
    val modelLoading: Boolean = false,
    val error: PlayerError? = null,
)
