package org.kerassep.demo.ui

import androidx.compose.ui.unit.dp

object Spacing {
    val SMALL = 8.dp
    val MEDIUM = 16.dp
}
