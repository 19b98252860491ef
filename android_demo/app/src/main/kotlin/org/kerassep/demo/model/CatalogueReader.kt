package org.kerassep.demo.model

import org.kerassep.core.Json
import org.kerassep.core.JsonException
import org.kerassep.core.ModelFileException
import org.kerassep.core.StreamSpec

/** Reads catalogue.json, which `python -m export android` writes: a list of objects, the preferred one first. */
object CatalogueReader {
    /** @throws ModelFileException not such a list; says what is wrong. */
    fun read(text: String): List<ModelEntry> {
        val parsed = try {
            Json.parse(text)
        } catch (error: JsonException) {
            throw ModelFileException("catalogue.json: ${error.message}")
        }
        val list = parsed as? List<*> ?: refuse("a list of models", parsed)
        if (list.isEmpty()) refuse("at least one model", parsed)
        return list.map { entry(it as? Map<*, *> ?: refuse("an object for each model", it)) }
    }

    private fun entry(fields: Map<*, *>): ModelEntry {
        fun text(name: String) = fields[name] as? String ?: refuse("a text '$name'", fields[name])
        val spec = fields["spec"] as? Map<*, *> ?: refuse("an object 'spec'", fields["spec"])
        return ModelEntry(
            preset = text("preset"),
            file = text("file"),
            graph = text("graph"),
            precision = text("precision"),
            bytes = fields["bytes"] as? Long ?: refuse("an integer 'bytes'", fields["bytes"]),
            description = text("description"),
            licence = text("licence"),
            licenceFile = text("licence_file"),
            spec = try {
                StreamSpec.fromMap(spec.mapKeys { "${it.key}" })
            } catch (error: IllegalArgumentException) {
                throw ModelFileException("catalogue.json: ${error.message}")
            },
        )
    }

    private fun refuse(expected: String, found: Any?): Nothing =
        throw ModelFileException("catalogue.json: expected $expected. Received: ${found.toString().take(80)}")
}
