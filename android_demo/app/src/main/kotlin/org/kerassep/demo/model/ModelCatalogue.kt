package org.kerassep.demo.model

import org.kerassep.core.StepModel

/** The models that are shipped with the application. Slow calls, not for the main thread. */
interface ModelCatalogue {
    /** The preferred one first. @throws org.kerassep.core.ModelFileException there is none, or no list of them. */
    fun entries(): List<ModelEntry>

    /** @throws org.kerassep.core.ModelFileException a file that is missing, damaged, or does not run here. */
    fun open(entry: ModelEntry): StepModel

    /** Text of the licence of the weights. @throws org.kerassep.core.ModelFileException it is missing. */
    fun licence(entry: ModelEntry): String
}
