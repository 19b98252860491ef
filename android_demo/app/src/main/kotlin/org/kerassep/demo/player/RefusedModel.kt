package org.kerassep.demo.player

import org.kerassep.demo.model.ModelEntry

/** A model that does not run on this device. */
data class RefusedModel(val model: ModelEntry, val reason: String?)
