package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.nio.ByteBuffer

/** The mistakes that the parity tests are there to find: each is far beyond their tolerance. */
class NegativeControlTest {
    private val golden = Golden.models.first { it.graph == "waveform" && it.file.name.startsWith("base") }
    private val midSide = Golden.models.first { it.graph == "mask" && it.seesMidSide }
    private val seconds = 2
    private val excerpt = Golden.mixture.copyOf(2 * 44100 * seconds)

    private fun difference(model: StepModel, golden: GoldenModel = this.golden): Float =
        StreamingSeparator(model).use { separator ->
            val stems = separator.separate(excerpt, blocks(excerpt.size / 2, 512), flush = false)
            stems.maxOf { (source, stem) -> maxDifference(stem, golden.stems.getValue(source).copyOf(stem.size)) }
        }

    private fun assertFarOff(difference: Float) =
        assertTrue(difference > FAR) { "expected a difference of more than $FAR. Received: $difference" }

    @Test
    fun `nothing is wrong with the control itself`() {
        val difference = difference(TamperedStepModel(golden.open()) { own, _, _ -> own.run() })
        assertTrue(difference <= TOLERANCE) { "differs by $difference" }
    }

    @Test
    fun `a recurrent state that is dropped`() = assertFarOff(
        difference(
            TamperedStepModel(golden.open()) { own, _, inputs ->
                zero(inputs.getValue("state_0"))
                own.run()
            },
        ),
    )

    @Test
    fun `states that are not exchanged`() = assertFarOff(
        difference(TamperedStepModel(golden.open()) { _, first, _ -> first.run() }),
    )

    @Test
    fun `mid and side that are exchanged`() = assertFarOff(
        difference(
            TamperedStepModel(midSide.open()) { own, _, inputs ->
                val magnitude = inputs.getValue("magnitude").asFloatBuffer()
                for (mid in 2 until magnitude.capacity() step 4) {
                    val side = magnitude[mid + 1]
                    magnitude.put(mid + 1, magnitude[mid]).put(mid, side)
                }
                own.run()
            },
            midSide,
        ),
    )

    @Test
    fun `stems that are a sample late`() {
        val stem = golden.stems.getValue("vocals")
        assertFarOff(maxDifference(stem.copyOf(stem.size - 2), stem.copyOfRange(2, stem.size)))
    }

    @Test
    fun `frames that begin a sample late`() {
        val late = FloatArray(2) + Golden.mixture
        assertFarOff(maxDifference(stft(late, HannWindow.analysis(SPEC)), Golden.stft))
    }

    @Test
    fun `a window that is shifted by a sample`() {
        val window = HannWindow.analysis(SPEC)
        val shifted = FloatArray(window.size) { window[(it + 1) % window.size] }
        assertTrue(maxDifference(stft(Golden.mixture, window), Golden.stft) <= 1e-4) // straightforward, in float32
        assertFarOff(maxDifference(stft(Golden.mixture, shifted), Golden.stft))
    }

    /** The golden vector's STFT, written down directly. */
    private fun stft(mixture: FloatArray, window: FloatArray): FloatArray {
        val numFrames = Golden.stft.size / (SPEC.numBins * 2 * 2)
        val fft = Fft(SPEC.fftLength)
        val result = FloatArray(Golden.stft.size)
        for (frame in 0 until numFrames) for (channel in 0 until 2) {
            val start = (frame + 1) * SPEC.frameStep - SPEC.frameLength
            val x = FloatArray(SPEC.fftLength) {
                if (start + it < 0) 0f else mixture[2 * (start + it) + channel] * window[it]
            }
            fft.forward(x)
            for (bin in 0 until SPEC.numBins) {
                val place = 2 * (2 * (frame * SPEC.numBins + bin) + channel)
                result[place] = re(x, bin)
                result[place + 1] = im(x, bin)
            }
        }
        return result
    }

    private fun zero(memory: ByteBuffer) {
        for (i in 0 until memory.capacity()) memory.put(i, 0)
    }

    private companion object {
        const val FAR = 1000 * TOLERANCE
    }
}
