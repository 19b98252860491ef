package org.kerassep.demo.player

import org.kerassep.demo.audio.Problem

/** @property detail one line for who wants to know more. */
data class PlayerError(val problem: Problem, val detail: String)
