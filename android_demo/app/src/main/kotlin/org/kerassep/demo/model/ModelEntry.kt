package org.kerassep.demo.model

import org.kerassep.core.StreamSpec

/**
 * A shipped .tflite file, as catalogue.json describes it.
 *
 * @property file its name; identifies it.
 * @property graph "waveform" or "mask". @property precision "float32", "dynamic_int8", …
 * @property bytes size of the file.
 * @property licence of the weights. @property licenceFile the text's file, beside the model's.
 */
data class ModelEntry(
    val preset: String,
    val file: String,
    val graph: String,
    val precision: String,
    val bytes: Long,
    val description: String,
    val licence: String,
    val licenceFile: String,
    val spec: StreamSpec,
)
