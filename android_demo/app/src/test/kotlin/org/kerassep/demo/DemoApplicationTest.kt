package org.kerassep.demo

import androidx.test.core.app.ApplicationProvider
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.kerassep.core.ModelFileException
import org.kerassep.demo.player.Phase
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

/** The real parts, as far as they go without a device: LiteRT's native library is not there. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35])
class DemoApplicationTest {
    private val application = ApplicationProvider.getApplicationContext<DemoApplication>()
    private val graph = application.graph

    @Test
    fun `the shipped models are in the assets, each with its licence`() {
        val exported = application.assets.list("models").orEmpty()
        assertTrue("expected models, which `make android` writes. Received: $exported", "catalogue.json" in exported)
        val entries = graph.catalogue.entries()
        assertEquals("waveform", entries.first().graph)
        for (entry in entries) {
            assertTrue(entry.file, entry.file in exported)
            assertTrue(entry.licence, graph.catalogue.licence(entry).isNotBlank())
            assertEquals(listOf("vocals", "accompaniment"), entry.spec.sources)
        }
        val missing = entries.first().copy(file = "none.tflite")
        val error = assertThrows(ModelFileException::class.java) { graph.catalogue.open(missing) }
        assertTrue("${error.message}", error.message.orEmpty().startsWith("models/none.tflite: expected"))
    }

    @Test
    fun `nothing is open at first`() {
        assertEquals(Phase.EMPTY, graph.player.state.value.phase)
    }
}
