package org.kerassep.core

import java.nio.Buffer
import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException
import java.security.MessageDigest

/**
 * What a .tflite file of ours says about itself: the JSON that travels in it. keras_sep/metadata.py is the reference.
 *
 * @property precision "float32", "float16", "dynamic_int8", …
 * @property name the preset's, if the file has one.
 * @property json all of it.
 */
class ModelMetadata(
    val graph: Graph,
    val precision: String,
    val name: String?,
    val spec: StreamSpec,
    val json: String,
) {
    /** What to call the model in errors. */
    internal val title: String get() = name ?: "model"

    companion object {
        private const val ENTRY = "keras_sep"
        private const val FORMAT = 1L
        private const val IDENTIFIER = "TFL3"

        // Field numbers in TensorFlow Lite's schema.fbs.
        private const val MODEL_BUFFERS = 4
        private const val MODEL_METADATA = 6
        private const val METADATA_NAME = 0
        private const val METADATA_BUFFER = 1
        private const val BUFFER_DATA = 0

        /**
         * Reads the metadata after checking that the file is whole: interpreters crash on files that are not.
         *
         * @param file the whole file, from 0 to its limit, of any kind and order; its position does not matter.
         * @param name what to call the file in errors.
         * @throws ModelFileException not a .tflite file, not ours, of an unknown format, or damaged.
         */
        fun read(file: ByteBuffer, name: String): ModelMetadata {
            val size = file.limit()
            if (size < 8 || IDENTIFIER.indices.any { file[4 + it] != IDENTIFIER[it].code.toByte() }) {
                throw ModelFileException("$name: expected a .tflite file. Received: $size bytes that are not one")
            }
            val json: String?
            val parsed: Any?
            try {
                json = find(file)?.let(::decode)
                parsed = json?.let(Json::parse)
            } catch (_: IndexOutOfBoundsException) {
                damaged(name, "its tables point outside the file")
            } catch (_: CharacterCodingException) {
                damaged(name, "its metadata is not text")
            } catch (_: JsonException) {
                damaged(name, "its metadata is not JSON")
            }
            val fields = parsed as? Map<*, *> ?: throw ModelFileException(
                "$name: expected a .tflite file made by `python -m export`. Received: one without its spec",
            )
            if (fields["format"] != FORMAT) {
                val found = pythonRepr(fields["format"])
                throw ModelFileException("$name: expected metadata format $FORMAT. Received: $found")
            }
            if (fields["sha256"] != digest(file, "${fields["sha256"]}")) {
                damaged(name, "its SHA-256 is not the one it carries")
            }
            return try {
                of(fields, json.orEmpty())
            } catch (error: IllegalArgumentException) {
                throw ModelFileException("$name: unusable metadata: ${error.message}")
            }
        }

        private fun of(fields: Map<*, *>, json: String): ModelMetadata {
            val graph = Graph.entries.find { it.id == fields["graph"] }
            requireNotNull(graph) {
                "graph must be one of ${Graph.entries.joinToString { it.id }}. Received: ${pythonRepr(fields["graph"])}"
            }
            val precision = fields["precision"]
            require(precision is String) { "precision must be a name. Received: ${pythonRepr(precision)}" }
            val spec = fields["spec"]
            require(spec is Map<*, *>) { "spec must be an object. Received: ${pythonRepr(spec)}" }
            val named = spec.mapKeys { "${it.key}" }
            return ModelMetadata(graph, precision, fields["name"] as? String, StreamSpec.fromMap(named), json)
        }

        private fun find(file: ByteBuffer): ByteArray? {
            val tables = FlatBufferTables(file)
            val root = tables.root()
            val buffers = tables.tables(tables.field(root, MODEL_BUFFERS))
            val entry = tables.tables(tables.field(root, MODEL_METADATA)).find {
                tables.bytes(tables.field(it, METADATA_NAME)).contentEquals(ENTRY.toByteArray())
            } ?: return null
            val index = tables.uint32(tables.field(entry, METADATA_BUFFER))
            if (index >= buffers.size) throw IndexOutOfBoundsException("buffer $index of ${buffers.size}")
            return tables.bytes(tables.field(buffers[index.toInt()], BUFFER_DATA))
        }

        private fun decode(bytes: ByteArray): String =
            Charsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString()

        /** SHA-256 of the file with its own digest, where it comes first, replaced by zeros. */
        private fun digest(file: ByteBuffer, own: String): String {
            val place = indexOf(file, own.toByteArray())
            val digest = MessageDigest.getInstance("SHA-256")
            if (place < 0) {
                digest.update(part(file, 0, file.limit()))
            } else {
                digest.update(part(file, 0, place))
                digest.update(ByteArray(own.length) { '0'.code.toByte() })
                digest.update(part(file, place + own.length, file.limit()))
            }
            return digest.digest().joinToString("") { "%02x".format(it) }
        }

        private fun indexOf(file: ByteBuffer, wanted: ByteArray): Int {
            for (start in 0..file.limit() - wanted.size) {
                var same = 0
                while (same < wanted.size && file[start + same] == wanted[same]) same++
                if (same == wanted.size) return start
            }
            return -1
        }

        private fun part(file: ByteBuffer, from: Int, to: Int): ByteBuffer =
            file.duplicate().also { narrow(it, from, to) }

        /** As Buffer: ByteBuffer's own limit() and position() are younger than Android 8. */
        private fun narrow(part: Buffer, from: Int, to: Int) {
            part.limit(to)
            part.position(from)
        }

        private fun damaged(name: String, how: String): Nothing =
            throw ModelFileException("$name: the .tflite file is damaged ($how)")
    }
}
