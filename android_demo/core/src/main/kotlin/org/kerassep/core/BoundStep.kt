package org.kerassep.core

/** One step on memory that was bound before: reads the inputs, fills the outputs, allocates nothing. */
fun interface BoundStep {
    fun run()
}
