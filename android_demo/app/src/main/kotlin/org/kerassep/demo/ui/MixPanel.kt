package org.kerassep.demo.ui

import androidx.annotation.StringRes
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.FlowRow
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.material3.FilterChip
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Slider
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.semantics.stateDescription
import org.kerassep.demo.R
import org.kerassep.demo.audio.Mix
import kotlin.math.roundToInt

/** How much of the voice and of the accompaniment is heard. */
@Composable
fun MixPanel(mix: Mix, onMix: (Mix) -> Unit) {
    Column(verticalArrangement = Arrangement.spacedBy(Spacing.SMALL)) {
        FlowRow(horizontalArrangement = Arrangement.spacedBy(Spacing.SMALL)) {
            Choice(R.string.karaoke, mix == Mix.KARAOKE) { onMix(Mix.KARAOKE) }
            Choice(R.string.voice_only, mix == Mix.VOICE) { onMix(Mix.VOICE) }
            Choice(R.string.both, mix == Mix.BOTH) { onMix(Mix.BOTH) }
            Choice(R.string.original, mix.original) { onMix(mix.copy(original = !mix.original)) }
        }
        Level(R.string.vocals, mix.vocalsDb) { onMix(mix.copy(vocalsDb = it, original = false)) }
        Level(R.string.accompaniment, mix.accompanimentDb) { onMix(mix.copy(accompanimentDb = it, original = false)) }
    }
}

@Composable
private fun Choice(@StringRes label: Int, chosen: Boolean, onClick: () -> Unit) =
    FilterChip(chosen, onClick, { Text(stringResource(label)) })

@Composable
private fun Level(@StringRes label: Int, db: Float, onChange: (Float) -> Unit) {
    val name = stringResource(label)
    val text = levelText(db)
    Column {
        Row(Modifier.fillMaxWidth(), Arrangement.SpaceBetween) {
            Text(name, style = MaterialTheme.typography.labelLarge)
            Text(text, style = MaterialTheme.typography.labelLarge)
        }
        Slider(
            value = db,
            onValueChange = { onChange(it.roundToInt().toFloat()) },
            valueRange = Mix.SILENT_DB..Mix.LOUDEST_DB,
            modifier = Modifier.semantics {
                contentDescription = name
                stateDescription = text
            },
        )
    }
}

@Composable
private fun levelText(db: Float): String =
    if (db <= Mix.SILENT_DB) {
        stringResource(R.string.silent)
    } else {
        val sign = if (db > 0) "+" else if (db < 0) "−" else ""
        stringResource(R.string.decibels, sign + kotlin.math.abs(db).roundToInt())
    }
