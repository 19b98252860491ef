package org.kerassep.core

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.file.Files

/** What Python computes: the vectors that `python -m export android` writes. */
object Golden {
    val folder = File("src/test/resources/golden")

    // Lazily, so that a test without its vectors fails with the line below and not with one about a class.
    private val json: Map<String, Any?> by lazy {
        val file = File(folder, "golden.json")
        check(file.isFile) { "$file: expected golden vectors. Received: none; run `make test-android`" }
        fields(Json.parse(file.readText()))
    }

    val blockSizes: List<Int> by lazy { list(json["block_sizes"]).map { (it as Long).toInt() } }
    val mixture: FloatArray by lazy { floats(json["mixture"]) }
    val models: List<GoldenModel> by lazy { list(json["models"]).map { GoldenModel(fields(it)) } }
    val stft: FloatArray by lazy { floats(json["stft"]) }
    val overlapAdd: FloatArray by lazy { floats(json["overlap_add"]) }
    val resampling: List<GoldenResampling> by lazy { list(json["resampling"]).map { GoldenResampling(fields(it)) } }

    /** JSON of a spec, and Python's complaint or null. */
    val specs: List<Pair<String, String?>> by lazy {
        list(json["specs"]).map { fields(it).let { spec -> spec["json"] as String to spec["error"] as String? } }
    }

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
