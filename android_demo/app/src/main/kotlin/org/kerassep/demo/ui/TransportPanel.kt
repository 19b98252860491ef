package org.kerassep.demo.ui

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.material3.FilledIconButton
import androidx.compose.material3.Icon
import androidx.compose.material3.IconButton
import androidx.compose.material3.LinearProgressIndicator
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Slider
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.setValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.painterResource
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.LiveRegionMode
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.semantics.liveRegion
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.semantics.stateDescription
import androidx.compose.ui.text.style.TextOverflow
import org.kerassep.demo.R
import org.kerassep.demo.player.Phase
import org.kerassep.demo.player.PlayerState

/** What is open, and where in it we are. */
@Composable
fun TransportPanel(player: PlayerState, positionMs: Long, actions: Actions) {
    Column(verticalArrangement = Arrangement.spacedBy(Spacing.SMALL)) {
        Row(verticalAlignment = Alignment.CenterVertically) {
            Column(Modifier.weight(1f)) {
                val name = player.title ?: stringResource(player.source?.let(::nameOf) ?: R.string.nothing_open)
                Text(name, style = MaterialTheme.typography.titleLarge, maxLines = 2, overflow = TextOverflow.Ellipsis)
                Text(
                    stringResource(textOf(player)),
                    Modifier.semantics { liveRegion = LiveRegionMode.Polite },
                    style = MaterialTheme.typography.bodyMedium,
                )
            }
            PlayButton(player.phase, actions)
            IconButton(actions::stop, enabled = player.phase != Phase.EMPTY) {
                Icon(painterResource(R.drawable.ic_stop), stringResource(R.string.stop))
            }
        }
        val durationMs = player.durationMs
        when {
            player.phase == Phase.LOADING -> LinearProgressIndicator(Modifier.fillMaxWidth())
            durationMs != null -> SeekBar(positionMs, durationMs, actions::seek)
            player.phase != Phase.EMPTY -> Text(clock(positionMs), Modifier.padding(vertical = Spacing.SMALL))
        }
    }
}

@Composable
private fun PlayButton(phase: Phase, actions: Actions) {
    val playing = phase == Phase.PLAYING
    FilledIconButton(actions::playOrPause, enabled = phase != Phase.EMPTY && phase != Phase.LOADING) {
        Icon(
            painterResource(if (playing) R.drawable.ic_pause else R.drawable.ic_play),
            stringResource(if (playing) R.string.pause else R.string.play),
        )
    }
}

/**
 * The song goes on while the listener drags, and jumps when the finger is lifted; until the player has said where it is
 * then, the bar shows where it is to be.
 */
@Composable
private fun SeekBar(positionMs: Long, durationMs: Long, onSeek: (Long) -> Unit) {
    var dragged by remember { mutableStateOf<Float?>(null) }
    var released by remember { mutableStateOf(false) }
    LaunchedEffect(positionMs) {
        if (released) dragged = null
        released = false
    }
    val shown = dragged ?: (positionMs.toFloat() / durationMs).coerceIn(0f, 1f)
    val shownMs = (shown * durationMs).toLong()
    val label = stringResource(R.string.position)
    val state = stringResource(R.string.position_of, clock(shownMs), clock(durationMs))
    Column {
        Slider(
            value = shown,
            onValueChange = {
                dragged = it
                released = false
            },
            onValueChangeFinished = {
                dragged?.let { onSeek((it * durationMs).toLong()) }
                released = true
            },
            modifier = Modifier.semantics {
                contentDescription = label
                stateDescription = state
            },
        )
        Row(Modifier.fillMaxWidth(), Arrangement.SpaceBetween) {
            Text(clock(shownMs), style = MaterialTheme.typography.labelMedium)
            Text(clock(durationMs), style = MaterialTheme.typography.labelMedium)
        }
    }
}

private fun textOf(player: PlayerState): Int = when (player.phase) {
    Phase.EMPTY -> R.string.choose_source
    Phase.LOADING -> R.string.loading
    Phase.PLAYING -> if (player.source?.live == true) R.string.live else R.string.playing
    Phase.PAUSED -> R.string.paused
    Phase.ENDED -> R.string.ended
}
