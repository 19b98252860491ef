package org.kerassep.demo.ui

import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.selection.selectable
import androidx.compose.foundation.selection.selectableGroup
import androidx.compose.material3.LinearProgressIndicator
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.RadioButton
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.Role
import androidx.compose.ui.unit.dp
import org.kerassep.demo.R
import org.kerassep.demo.model.ModelEntry
import org.kerassep.demo.player.PlayerState

/** Which of the shipped networks separates. */
@Composable
fun ModelPanel(player: PlayerState, onChoose: (String) -> Unit, onLicence: () -> Unit) {
    Column {
        Column(Modifier.selectableGroup()) {
            for (entry in player.models) {
                Choice(entry, entry == player.model) { onChoose(entry.file) }
            }
        }
        if (player.modelLoading) LinearProgressIndicator(Modifier.fillMaxWidth())
        player.model?.let { model ->
            Row(verticalAlignment = Alignment.CenterVertically) {
                Text(
                    stringResource(R.string.weights, model.description, model.licence),
                    Modifier.weight(1f),
                    style = MaterialTheme.typography.bodySmall,
                )
                TextButton(onLicence) { Text(stringResource(R.string.licence)) }
            }
        }
    }
}

@Composable
private fun Choice(entry: ModelEntry, chosen: Boolean, onClick: () -> Unit) {
    Row(
        Modifier
            .fillMaxWidth()
            .heightIn(min = 56.dp)
            .selectable(chosen, role = Role.RadioButton, onClick = onClick),
        verticalAlignment = Alignment.CenterVertically,
    ) {
        RadioButton(chosen, onClick = null)
        Column(Modifier.padding(start = Spacing.MEDIUM)) {
            Text(stringResource(R.string.model_name, entry.preset, entry.precision))
            Text(
                stringResource(R.string.model_kind, entry.graph, entry.bytes / 1e6),
                style = MaterialTheme.typography.bodySmall,
            )
        }
    }
}
