package org.kerassep.core

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.file.Files

/** What Python computes: the vectors that `python -m export android` writes. */
object Golden {
    val folder = File("src/test/resources/golden")

    private val json: Map<String, Any?> = fields(
        File(folder, "golden.json").let {
            check(it.isFile) { "$it: expected golden vectors. Received: none; run `make test-android`" }
            Json.parse(it.readText())
        },
    )

    val blockSizes: List<Int> = list(json["block_sizes"]).map { (it as Long).toInt() }
    val mixture: FloatArray = floats(json["mixture"])
    val models: List<GoldenModel> = list(json["models"]).map { GoldenModel(fields(it)) }
    val stft: FloatArray = floats(json["stft"])
    val overlapAdd: FloatArray = floats(json["overlap_add"])
    val resampling: List<GoldenResampling> = list(json["resampling"]).map { GoldenResampling(fields(it)) }

    /** JSON of a spec, and Python's complaint or null. */
    val specs: List<Pair<String, String?>> =
        list(json["specs"]).map { fields(it).let { spec -> spec["json"] as String to spec["error"] as String? } }

    @Suppress("UNCHECKED_CAST")
    fun fields(value: Any?): Map<String, Any?> = value as Map<String, Any?>

    fun list(value: Any?): List<Any?> = value as List<Any?>

    /** The numbers of an entry {"file", "shape"}, as many as its shape says. */
    fun floats(entry: Any?): FloatArray {
        val (file, shape) = fields(entry).let { File(folder, it["file"] as String) to list(it["shape"]) }
        val bytes = ByteBuffer.wrap(Files.readAllBytes(file.toPath())).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
        val size = shape.fold(1L) { product, n -> product * n as Long }
        check(bytes.remaining().toLong() == size) { "$file: expected $size numbers. Received: ${bytes.remaining()}" }
        return FloatArray(size.toInt()).also(bytes::get)
    }
}
