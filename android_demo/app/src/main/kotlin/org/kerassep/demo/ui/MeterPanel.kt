package org.kerassep.demo.ui

import androidx.annotation.StringRes
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.TextStyle
import org.kerassep.demo.R
import org.kerassep.demo.player.Meters
import kotlin.math.roundToInt

/** How hard the device works, and how late the sound is. */
@Composable
fun MeterPanel(meters: Meters?, live: Boolean) {
    Column(verticalArrangement = Arrangement.spacedBy(Spacing.SMALL)) {
        if (meters == null) {
            Text(stringResource(R.string.no_meters), style = MaterialTheme.typography.bodyMedium)
            return@Column
        }
        Line(R.string.step_time, stringResource(R.string.step_times, meters.p50Ms, meters.p99Ms, meters.stepMs))
        Line(R.string.load, stringResource(R.string.percent, (100 * meters.load).roundToInt()))
        Line(R.string.underruns, "${meters.underruns}")
        if (live) Line(R.string.overruns, "${meters.overruns}")
        val latency = meters.latency
        Line(R.string.latency, ms(latency.totalMs))
        if (live) {
            Part(R.string.input_device, latency.inputDeviceMs)
            Part(R.string.input_buffer, latency.inputBufferMs)
        }
        Part(R.string.resampling, latency.resamplingMs)
        Part(R.string.network, latency.algorithmMs)
        Part(R.string.output_buffer, latency.outputBufferMs)
        Part(R.string.output_device, latency.outputDeviceMs)
    }
}

@Composable
private fun Line(@StringRes label: Int, value: String) = Labelled(label, value, MaterialTheme.typography.bodyMedium)

@Composable
private fun Part(@StringRes label: Int, value: Double) = Labelled(label, ms(value), MaterialTheme.typography.bodySmall)

@Composable
private fun Labelled(@StringRes label: Int, value: String, style: TextStyle) =
    Row(Modifier.fillMaxWidth().semantics(mergeDescendants = true) {}) {
        Text(stringResource(label), Modifier.weight(1f), style = style)
        Text(value, style = style)
    }

@Composable
private fun ms(value: Double) = stringResource(R.string.milliseconds, value)
