package org.kerassep.demo.ui

import android.os.Build
import androidx.compose.foundation.isSystemInDarkTheme
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.darkColorScheme
import androidx.compose.material3.dynamicDarkColorScheme
import androidx.compose.material3.dynamicLightColorScheme
import androidx.compose.material3.lightColorScheme
import androidx.compose.runtime.Composable
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.platform.LocalContext

private val light = lightColorScheme(
    primary = Color(0xFF6B3FA0),
    onPrimary = Color.White,
    primaryContainer = Color(0xFFEDDCFF),
    onPrimaryContainer = Color(0xFF270057),
    secondary = Color(0xFF8B4F24),
    secondaryContainer = Color(0xFFFFDCC6),
    onSecondaryContainer = Color(0xFF301400),
)

private val dark = darkColorScheme(
    primary = Color(0xFFD7BAFF),
    onPrimary = Color(0xFF40096F),
    primaryContainer = Color(0xFF532686),
    onPrimaryContainer = Color(0xFFEDDCFF),
    secondary = Color(0xFFFFB786),
    secondaryContainer = Color(0xFF6E380E),
    onSecondaryContainer = Color(0xFFFFDCC6),
)

/** The listener's own colours since Android 12, the spectrogram's before. */
@Composable
fun DemoTheme(darkTheme: Boolean = isSystemInDarkTheme(), content: @Composable () -> Unit) {
    val colours = when {
        Build.VERSION.SDK_INT < Build.VERSION_CODES.S -> if (darkTheme) dark else light
        darkTheme -> dynamicDarkColorScheme(LocalContext.current)
        else -> dynamicLightColorScheme(LocalContext.current)
    }
    MaterialTheme(colours, content = content)
}
