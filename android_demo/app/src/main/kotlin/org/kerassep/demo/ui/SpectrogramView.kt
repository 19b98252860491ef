package org.kerassep.demo.ui

import androidx.compose.foundation.Canvas
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.shape.RoundedCornerShape
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.remember
import androidx.compose.runtime.withFrameNanos
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.draw.clip
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.graphics.drawscope.drawIntoCanvas
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.clearAndSetSemantics
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.unit.dp
import org.kerassep.demo.R

/**
 * What one stem sounds like, 40 Hz to 16 kHz, as it goes on.
 *
 * @param running whether new spectra may come. @param poll takes the oldest one, if there is one.
 */
@Composable
fun SpectrogramView(label: String, running: Boolean, poll: (FloatArray) -> Boolean, modifier: Modifier = Modifier) {
    val bitmap = remember { SpectrogramBitmap() }
    val description = stringResource(R.string.spectrogram, label)
    LaunchedEffect(running) {
        while (running) withFrameNanos { bitmap.update(poll) }
    }
    Box(
        modifier
            .fillMaxWidth()
            .clip(RoundedCornerShape(12.dp))
            .clearAndSetSemantics { contentDescription = description },
    ) {
        Canvas(Modifier.matchParentSize()) {
            drawIntoCanvas { bitmap.draw(it, size.width.toInt(), size.height.toInt()) }
        }
        Text(
            label,
            style = MaterialTheme.typography.labelMedium,
            color = Color.White,
            modifier = Modifier.align(Alignment.TopStart).padding(8.dp),
        )
    }
}
