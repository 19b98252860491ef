package org.kerassep.demo.ui

import androidx.annotation.StringRes
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.BoxWithConstraints
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.ColumnScope
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.height
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.rememberScrollState
import androidx.compose.foundation.verticalScroll
import androidx.compose.material3.Card
import androidx.compose.material3.CardDefaults
import androidx.compose.material3.ExperimentalMaterial3Api
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Scaffold
import androidx.compose.material3.Text
import androidx.compose.material3.TopAppBar
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.LiveRegionMode
import androidx.compose.ui.semantics.heading
import androidx.compose.ui.semantics.liveRegion
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.dp
import org.kerassep.demo.R
import org.kerassep.demo.audio.SourceKind
import org.kerassep.demo.player.Phase

private val WIDE = 720.dp

/** The only screen: one column on a phone, two where there is room for them. */
@OptIn(ExperimentalMaterial3Api::class)
@Composable
fun DemoScreen(state: UiState, actions: Actions) {
    Scaffold(topBar = { TopAppBar({ Text(stringResource(R.string.app_name)) }) }) { insets ->
        BoxWithConstraints(Modifier.padding(insets).fillMaxSize()) {
            if (maxWidth >= WIDE) {
                Row(Modifier.padding(horizontal = Spacing.MEDIUM), Arrangement.spacedBy(Spacing.MEDIUM)) {
                    Pane(Modifier.weight(1f)) { Controls(state, actions) }
                    Pane(Modifier.weight(1f)) { Displays(state, actions) }
                }
            } else {
                Pane(Modifier.padding(horizontal = Spacing.MEDIUM)) {
                    Controls(state, actions)
                    Displays(state, actions)
                }
            }
        }
    }
    Dialogs(state, actions)
}

@Composable
private fun Pane(modifier: Modifier, content: @Composable ColumnScope.() -> Unit) = Column(
    modifier.verticalScroll(rememberScrollState()).padding(bottom = Spacing.MEDIUM),
    Arrangement.spacedBy(Spacing.MEDIUM),
    content = content,
)

@Composable
private fun Controls(state: UiState, actions: Actions) {
    SourcePanel(state.player.model != null, state.capturesPlayback, actions)
    if (state.slow) Warning(R.string.too_slow)
    if (state.player.source == SourceKind.MICROPHONE && !state.headphones) Warning(R.string.use_headphones)
    if (state.player.source == SourceKind.OTHER_APPS) Warning(R.string.capture_hint)
    Section(null) { TransportPanel(state.player, state.meters?.positionMs ?: 0, actions) }
    Section(R.string.mix) { MixPanel(state.player.mix, actions::mix) }
}

@Composable
private fun Displays(state: UiState, actions: Actions) {
    val running = state.player.phase == Phase.PLAYING
    Column(verticalArrangement = Arrangement.spacedBy(Spacing.SMALL)) {
        val size = Modifier.height(112.dp)
        SpectrogramView(stringResource(R.string.vocals), running, actions::pollVocals, size)
        SpectrogramView(stringResource(R.string.accompaniment), running, actions::pollAccompaniment, size)
    }
    Section(R.string.meters) { MeterPanel(state.meters, live = state.player.source?.live == true) }
    Section(R.string.model) { ModelPanel(state.player, actions::choose, actions::showLicence) }
}

@Composable
private fun Section(@StringRes title: Int?, content: @Composable () -> Unit) = Card(Modifier.fillMaxWidth()) {
    Column(Modifier.padding(Spacing.MEDIUM), Arrangement.spacedBy(Spacing.SMALL)) {
        if (title != null) {
            Text(
                stringResource(title),
                Modifier.semantics { heading() },
                style = MaterialTheme.typography.titleMedium,
            )
        }
        content()
    }
}

@Composable
private fun Warning(@StringRes text: Int) = Card(
    Modifier.fillMaxWidth().semantics { liveRegion = LiveRegionMode.Polite },
    colors = CardDefaults.cardColors(
        containerColor = MaterialTheme.colorScheme.secondaryContainer,
        contentColor = MaterialTheme.colorScheme.onSecondaryContainer,
    ),
) {
    Text(stringResource(text), Modifier.padding(Spacing.MEDIUM), style = MaterialTheme.typography.bodyMedium)
}
