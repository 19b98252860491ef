package org.kerassep.demo.ui

import androidx.annotation.DrawableRes
import androidx.annotation.StringRes
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.FlowRow
import androidx.compose.foundation.layout.Spacer
import androidx.compose.foundation.layout.size
import androidx.compose.foundation.layout.width
import androidx.compose.material3.ButtonDefaults
import androidx.compose.material3.FilledTonalButton
import androidx.compose.material3.Icon
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.painterResource
import androidx.compose.ui.res.stringResource
import org.kerassep.demo.R

/** What can be heard. */
@Composable
fun SourcePanel(ready: Boolean, capturesPlayback: Boolean, actions: Actions) {
    FlowRow(horizontalArrangement = Arrangement.spacedBy(Spacing.SMALL), maxItemsInEachRow = 2) {
        val half = Modifier.weight(1f)
        SourceButton(R.drawable.ic_example, R.string.example, ready, half, actions::playExample)
        SourceButton(R.drawable.ic_file, R.string.file, ready, half, actions::pickFile)
        SourceButton(R.drawable.ic_microphone, R.string.microphone, ready, half, actions::listen)
        SourceButton(R.drawable.ic_apps, R.string.other_apps, ready && capturesPlayback, half, actions::capture)
    }
    if (!capturesPlayback) {
        Text(stringResource(R.string.no_capture), style = MaterialTheme.typography.bodySmall)
    }
}

@Composable
private fun SourceButton(
    @DrawableRes icon: Int,
    @StringRes label: Int,
    enabled: Boolean,
    modifier: Modifier,
    onClick: () -> Unit,
) {
    FilledTonalButton(onClick, modifier, enabled, contentPadding = ButtonDefaults.ButtonWithIconContentPadding) {
        Icon(painterResource(icon), contentDescription = null, Modifier.size(ButtonDefaults.IconSize))
        Spacer(Modifier.width(ButtonDefaults.IconSpacing))
        Text(stringResource(label))
    }
}
