package org.kerassep.demo.fakes

import kotlinx.coroutines.flow.MutableStateFlow
import org.kerassep.demo.audio.Mix
import org.kerassep.demo.audio.SourceRequest
import org.kerassep.demo.player.Meters
import org.kerassep.demo.player.Player
import org.kerassep.demo.player.PlayerState

/** A player that writes down what it is asked for; its state is the test's. */
class FakePlayer : Player {
    override val state = MutableStateFlow(
        PlayerState(models = listOf(FakeCatalogue.SMALL, FakeCatalogue.LARGE), model = FakeCatalogue.SMALL),
    )
    var meters: Meters? = null
    val calls = ArrayList<String>()

    /** Levels in dB that the next polls give, column by column. */
    var spectrum: (FloatArray) -> Boolean = { false }

    override suspend fun meters() = meters

    override fun pollVocals(into: FloatArray) = spectrum(into)

    override fun pollAccompaniment(into: FloatArray) = spectrum(into)

    override fun open(request: SourceRequest) {
        calls += "open $request"
    }

    override fun play() {
        calls += "play"
    }

    override fun pause() {
        calls += "pause"
    }

    override fun stop() {
        calls += "stop"
    }

    override fun seek(positionMs: Long) {
        calls += "seek $positionMs"
    }

    override fun mix(mix: Mix) {
        calls += "mix ${mix.vocalsDb} ${mix.accompanimentDb} ${mix.original}"
        state.value = state.value.copy(mix = mix)
    }

    override fun choose(file: String) {
        calls += "choose $file"
    }

    override fun dismissError() {
        state.value = state.value.copy(error = null)
    }
}
