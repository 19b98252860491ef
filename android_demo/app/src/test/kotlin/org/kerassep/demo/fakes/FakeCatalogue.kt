package org.kerassep.demo.fakes

import org.kerassep.core.ModelFileException
import org.kerassep.core.StepModel
import org.kerassep.demo.model.ModelCatalogue
import org.kerassep.demo.model.ModelEntry
import java.util.concurrent.ConcurrentHashMap

/** Two models; [broken] names files that do not open, [failing] those whose steps fail once they are opened. */
class FakeCatalogue(private val entries: List<ModelEntry> = listOf(SMALL, LARGE)) : ModelCatalogue {
    val broken = HashSet<String>()
    val failing: MutableSet<String> = ConcurrentHashMap.newKeySet()
    val opened = ArrayList<FakeStepModel>()

    override fun entries(): List<ModelEntry> =
        entries.ifEmpty { throw ModelFileException("catalogue.json: expected at least one model. Received: []") }

    override fun open(entry: ModelEntry): StepModel {
        if (entry.file in broken) throw ModelFileException("${entry.file}: the .tflite file is damaged")
        val share = if (entry == SMALL) 0.25f else 0.75f
        return FakeStepModel(share, fails = { entry.file in failing }).also(opened::add)
    }

    override fun licence(entry: ModelEntry) = "Licence of ${entry.file}"

    companion object {
        val SMALL = entry("small.tflite", "dynamic_int8", 2_039_776)
        val LARGE = entry("large.tflite", "float32", 7_482_460)

        private fun entry(file: String, precision: String, bytes: Long) = ModelEntry(
            preset = "or-unet", file, graph = "waveform", precision, bytes, description = "OR-U-Net, size M",
            licence = "CC-BY-NC-SA-4.0", licenceFile = "or-unet.LICENSE", FakeStepModel.SPEC,
        )
    }
}
