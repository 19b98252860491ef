package org.kerassep.demo.ui

import org.kerassep.demo.player.Meters
import org.kerassep.demo.player.PlayerState

/**
 * All that the screen shows but the spectrograms; a new object for every change.
 *
 * @property meters null while nothing is open.
 * @property slow whether the device is too slow for the model, or nearly.
 * @property capturesPlayback whether the device lets other applications be heard.
 */
data class UiState(
    val player: PlayerState = PlayerState(),
    val meters: Meters? = null,
    val slow: Boolean = false,
    val headphones: Boolean = true,
    val capturesPlayback: Boolean = true,
    val dialog: Dialog? = null,
)
