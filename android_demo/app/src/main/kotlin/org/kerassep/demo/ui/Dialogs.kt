package org.kerassep.demo.ui

import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Spacer
import androidx.compose.foundation.layout.height
import androidx.compose.foundation.rememberScrollState
import androidx.compose.foundation.verticalScroll
import androidx.compose.material3.AlertDialog
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.stringResource
import org.kerassep.demo.R

/** What the screen says before, or instead of, what was asked for; an error first. */
@Composable
fun Dialogs(state: UiState, actions: Actions) {
    val error = state.player.error
    val dialog = state.dialog
    when {
        error != null -> Message(
            title = stringResource(R.string.error_title),
            text = stringResource(adviceFor(error.problem)),
            detail = error.detail,
            confirm = stringResource(R.string.ok),
            onConfirm = actions::dismiss,
            onDismiss = actions::dismiss,
        )
        dialog is Dialog.Licence -> Message(
            title = stringResource(R.string.licence),
            text = dialog.text,
            confirm = stringResource(R.string.ok),
            onConfirm = actions::confirm,
            onDismiss = actions::dismiss,
        )
        dialog == Dialog.HeadphonesAdvised -> Question(
            stringResource(R.string.headphones_title),
            stringResource(R.string.headphones_text),
            stringResource(R.string.start_anyway),
            actions,
        )
        dialog == Dialog.CaptureExplained -> Question(
            stringResource(R.string.capture_title),
            stringResource(R.string.capture_text),
            stringResource(R.string.go_on),
            actions,
        )
        dialog is Dialog.MicrophoneDenied -> Question(
            stringResource(R.string.permission_title),
            stringResource(if (dialog.forever) R.string.permission_forever else R.string.permission_text),
            stringResource(if (dialog.forever) R.string.open_settings else R.string.ask_again),
            actions,
        )
    }
}

@Composable
private fun Question(title: String, text: String, confirm: String, actions: Actions) =
    Message(title, text, confirm, actions::confirm, actions::dismiss, cancel = stringResource(R.string.cancel))

@Composable
private fun Message(
    title: String,
    text: String,
    confirm: String,
    onConfirm: () -> Unit,
    onDismiss: () -> Unit,
    detail: String = "",
    cancel: String? = null,
) = AlertDialog(
    onDismissRequest = onDismiss,
    confirmButton = { TextButton(onConfirm) { Text(confirm) } },
    dismissButton = cancel?.let { { TextButton(onDismiss) { Text(it) } } },
    title = { Text(title) },
    text = {
        Column(Modifier.verticalScroll(rememberScrollState())) {
            Text(text)
            if (detail.isNotEmpty()) {
                Spacer(Modifier.height(Spacing.SMALL))
                Text(detail, style = MaterialTheme.typography.bodySmall)
            }
        }
    },
)
