package org.kerassep.demo.model

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.kerassep.core.ModelFileException

class CatalogueReaderTest {
    private val spec = """{"sample_rate": 44100, "num_channels": 2, "frame_length": 2048, "frame_step": 512,
        "fft_length": 2048, "window": "hann", "sources": ["vocals", "accompaniment"]}"""
    private val entry = """{"preset": "or-unet", "file": "a.tflite", "graph": "waveform", "precision": "float32",
        "bytes": 7482460, "sha256": "…", "description": "small", "licence": "CC0", "licence_file": "a.LICENSE",
        "spec": $spec}"""

    @Test
    fun `entries come in their order`() {
        val entries = CatalogueReader.read("[$entry, ${entry.replace("a.tflite", "b.tflite")}]")
        assertEquals(listOf("a.tflite", "b.tflite"), entries.map { it.file })
        assertEquals(7482460L, entries[0].bytes)
        assertEquals(2048, entries[0].spec.algorithmicLatency)
    }

    @Test
    fun `what is wrong is named`() {
        val wrong = mapOf(
            "{" to "expected JSON",
            "{}" to "a list of models",
            "[]" to "at least one model",
            "[7]" to "an object for each model",
            "[${entry.replace("\"preset\"", "\"Preset\"")}]" to "a text 'preset'",
            "[${entry.replace("7482460", "\"7\"")}]" to "an integer 'bytes'",
            "[${entry.replace("\"frame_step\": 512", "\"frame_step\": 500")}]" to "frame_step",
        )
        for ((text, expected) in wrong) {
            val error = assertThrows(ModelFileException::class.java) { CatalogueReader.read(text) }
            assertTrue("${error.message}", error.message.orEmpty().contains(expected))
            assertTrue(error.message.orEmpty().startsWith("catalogue.json: "))
        }
    }
}
