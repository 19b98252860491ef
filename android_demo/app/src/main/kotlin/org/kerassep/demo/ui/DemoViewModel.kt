package org.kerassep.demo.ui

import androidx.lifecycle.ViewModel
import androidx.lifecycle.viewModelScope
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.SharingStarted
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.flatMapLatest
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOf
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.onStart
import kotlinx.coroutines.flow.receiveAsFlow
import kotlinx.coroutines.flow.runningFold
import kotlinx.coroutines.flow.stateIn
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import org.kerassep.core.ModelFileException
import org.kerassep.demo.audio.CaptureConsent
import org.kerassep.demo.audio.Mix
import org.kerassep.demo.audio.SourceRequest
import org.kerassep.demo.model.ModelCatalogue
import org.kerassep.demo.player.Meters
import org.kerassep.demo.player.Phase
import org.kerassep.demo.player.Player

/**
 * Turns what the listener does into calls of the player, and its state into the screen's.
 *
 * Live sources need permissions, a warning or the system's consent first; they come one after the other, and `wanted`
 * is what comes after the permissions.
 */
class DemoViewModel(
    private val player: Player,
    private val catalogue: ModelCatalogue,
    private val device: Device,
    private val io: CoroutineDispatcher,
) : ViewModel(), Actions {
    private val dialog = MutableStateFlow<Dialog?>(null)
    private val outgoing = Channel<Effect>(Channel.UNLIMITED)
    private val headphones = device.headphones.onStart { emit(true) }
        .stateIn(viewModelScope, SharingStarted.Eagerly, true)
    private var wanted: () -> Unit = {}
    private var askedForNotifications = false
    private var deniedBefore = false

    val effects: Flow<Effect> = outgoing.receiveAsFlow()

    val state: StateFlow<UiState> = combine(
        player.state, measured(), headphones, dialog,
    ) { playing, (meters, slow), headphones, dialog ->
        UiState(playing, meters, slow, headphones, device.capturesPlayback, dialog)
    }.stateIn(viewModelScope, SharingStarted.WhileSubscribed(KEPT_MS), initial())

    override fun playExample() = player.open(SourceRequest.Example)

    override fun pickFile() = send(Effect.PickFile)

    override fun listen() = want {
        if (headphones.value) player.open(SourceRequest.Microphone) else dialog.value = Dialog.HeadphonesAdvised
    }

    override fun capture() = want { dialog.value = Dialog.CaptureExplained }

    override fun playOrPause() =
        if (player.state.value.phase == Phase.PLAYING) player.pause() else player.play()

    override fun stop() = player.stop()

    override fun seek(positionMs: Long) = player.seek(positionMs)

    override fun mix(mix: Mix) = player.mix(mix)

    override fun choose(file: String) = player.choose(file)

    override fun showLicence() {
        val model = player.state.value.model ?: return
        viewModelScope.launch {
            dialog.value = Dialog.Licence(
                try {
                    withContext(io) { catalogue.licence(model) }
                } catch (error: ModelFileException) {
                    error.message.orEmpty()
                },
            )
        }
    }

    override fun confirm() {
        val shown = dialog.value
        dialog.value = null
        when (shown) {
            Dialog.HeadphonesAdvised -> player.open(SourceRequest.Microphone)
            Dialog.CaptureExplained -> send(Effect.AskCaptureConsent)
            is Dialog.MicrophoneDenied -> if (shown.forever) send(Effect.OpenSettings) else want(wanted)
            is Dialog.Licence, null -> Unit
        }
    }

    override fun dismiss() {
        dialog.value = null
        player.dismissError()
    }

    override fun pollVocals(into: FloatArray) = player.pollVocals(into)

    override fun pollAccompaniment(into: FloatArray) = player.pollAccompaniment(into)

    /** @param uri null where the listener went back without a choice. */
    fun onFilePicked(uri: String?) {
        if (uri != null) player.open(SourceRequest.File(uri))
    }

    /**
     * The system's dialog is gone; what it brought, the device knows, also where the dialog was interrupted.
     *
     * @param before whether the system would have had us explain the permission before it asked. @param after the same
     * after it: it would after a first refusal, and no more once it will not ask again.
     */
    fun onPermissions(before: Boolean, after: Boolean) {
        if (device.missingPermissions().none { it.required }) return wanted()
        dialog.value = Dialog.MicrophoneDenied(forever = !after && (before || deniedBefore))
        deniedBefore = true
    }

    /** @param consent null where the listener refused. */
    fun onCaptureConsent(consent: CaptureConsent?) {
        if (consent != null) player.open(SourceRequest.OtherApps(consent))
    }

    private fun want(next: () -> Unit) {
        wanted = next
        val missing = device.missingPermissions().filter { it.required || !askedForNotifications }
        if (missing.isEmpty()) return next()
        askedForNotifications = true
        send(Effect.AskPermissions(missing))
    }

    private fun send(effect: Effect) {
        outgoing.trySend(effect)
    }

    private data class Measured(val meters: Meters?, val slow: Boolean)

    /** The meters, again and again while something is open, and whether they say that the device is too slow. */
    @OptIn(ExperimentalCoroutinesApi::class)
    private fun measured(): Flow<Measured> = player.state
        .map { it.phase != Phase.EMPTY }
        .distinctUntilChanged()
        .flatMapLatest { open -> if (open) polled() else flowOf(null) }
        .runningFold(Measured(null, slow = false)) { before, meters ->
            val limit = if (before.slow) FAST_AGAIN else SLOW // apart, so that the warning does not flicker
            Measured(meters, meters != null && meters.load > limit)
        }

    private fun polled(): Flow<Meters?> = flow {
        while (true) {
            emit(player.meters())
            delay(POLL_MS)
        }
    }

    private fun initial() = UiState(player.state.value, capturesPlayback = device.capturesPlayback)

    private companion object {
        const val POLL_MS = 200L
        const val KEPT_MS = 5000L // a rotation takes less
        const val SLOW = 0.7f // of real time: above it, other work of the device makes gaps
        const val FAST_AGAIN = 0.5f
    }
}
