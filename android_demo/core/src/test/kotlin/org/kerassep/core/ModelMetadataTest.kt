package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.MethodSource
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest
import kotlin.random.Random

class ModelMetadataTest {
    private val unit = Golden.models.first { it.file.name.startsWith("unit-waveform") }.file.readBytes()

    private fun read(content: ByteArray) = ModelMetadata.read(ByteBuffer.wrap(content), "unit.tflite")

    private fun refusal(content: ByteArray): String? =
        assertThrows(ModelFileException::class.java) { read(content) }.message

    /** The file with its JSON changed, in a text of the same length, and a digest that fits again. */
    private fun changed(from: String, to: String): ByteArray {
        check(from.length == to.length)
        val blank = "0".repeat(64)
        val text = String(unit, Charsets.ISO_8859_1)
        val digest = Golden.fields(Json.parse(read(unit).json))["sha256"] as String
        check(from in text)
        val blanked = text.replaceFirst(from, to).replaceFirst(digest, blank)
        val sha256 = MessageDigest.getInstance("SHA-256").digest(blanked.toByteArray(Charsets.ISO_8859_1))
        val fitting = sha256.joinToString("") { "%02x".format(it) }
        return blanked.replaceFirst(blank, fitting).toByteArray(Charsets.ISO_8859_1)
    }

    @ParameterizedTest
    @MethodSource("models")
    fun `reads what Python wrote`(golden: GoldenModel) {
        val bytes = golden.file.readBytes()
        val direct = ByteBuffer.allocateDirect(bytes.size).order(ByteOrder.BIG_ENDIAN).put(bytes) // position at the end
        for (content in listOf(direct, ByteBuffer.wrap(bytes).asReadOnlyBuffer())) {
            val metadata = ModelMetadata.read(content, golden.file.name)
            assertEquals(golden.metadata, Json.parse(metadata.json))
            assertEquals(golden.graph, metadata.graph.id)
            assertEquals(golden.precision, metadata.precision)
            assertEquals(golden.metadata["name"], metadata.name)
            assertEquals(if (golden.seesMidSide) MID_SIDE_SPEC else SPEC, metadata.spec)
        }
    }

    @Test
    fun `refuses what is not a tflite file`() {
        for (size in listOf(0, 7, 100)) {
            assertEquals(
                "unit.tflite: expected a .tflite file. Received: $size bytes that are not one",
                refusal(ByteArray(size)),
            )
        }
    }

    @Test
    fun `refuses a file without our metadata, of another format, or that cannot be used`() {
        assertEquals(
            "unit.tflite: expected a .tflite file made by `python -m export`. Received: one without its spec",
            refusal(changed("keras_sep\u0000", "keras_seq\u0000")),
        )
        assertEquals(
            "unit.tflite: expected metadata format 1. Received: 2", refusal(changed("\"format\": 1", "\"format\": 2")),
        )
        assertEquals(
            "unit.tflite: unusable metadata: graph must be one of mask, waveform. Received: 'waveforn'",
            refusal(changed("\"waveform\"", "\"waveforn\"")),
        )
        assertEquals(
            "unit.tflite: unusable metadata: StreamSpec: sample_rate must be from 8000 to 192000 Hz. " +
                "Received: sample_rate=4410",
            refusal(changed("\"sample_rate\": 44100", "\"sample_rate\":  4410")),
        )
        assertEquals(
            "unit.tflite: the .tflite file is damaged (its metadata is not JSON)",
            refusal(changed("\"format\": 1", "\"format\"; 1")),
        )
    }

    @Test
    fun `refuses one flipped bit anywhere`() {
        val random = Random(1)
        repeat(300) {
            val bit = random.nextInt(8 * unit.size)
            val damaged = unit.copyOf().also { it[bit / 8] = (it[bit / 8].toInt() xor (1 shl bit % 8)).toByte() }
            refusal(damaged)
        }
    }

    @Test
    fun `refuses damage to the tables themselves`() {
        val random = Random(2)
        repeat(2000) {
            val damaged = unit.copyOf(if (it % 2 == 0) unit.size else random.nextInt(unit.size))
            repeat(8) { if (damaged.isNotEmpty()) damaged[random.nextInt(damaged.size)] = random.nextInt().toByte() }
            "TFL3".forEachIndexed { i, c -> if (damaged.size > 8) damaged[4 + i] = c.code.toByte() }
            refusal(damaged)
        }
    }

    @Test
    fun `refuses every truncation`() {
        for (size in 0 until unit.size step maxOf(1, unit.size / 500)) {
            val message = refusal(unit.copyOf(size))
            assertTrue("damaged" in message!! || "not one" in message) { message }
        }
    }

    private companion object {
        @JvmStatic
        fun models() = Golden.models
    }
}
