package org.kerassep.demo.player

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import org.kerassep.core.ModelFileException
import org.kerassep.demo.audio.AudioException
import org.kerassep.demo.audio.AudioLoop
import org.kerassep.demo.audio.Mix
import org.kerassep.demo.audio.Problem
import org.kerassep.demo.audio.Separation
import org.kerassep.demo.audio.SourceRequest
import org.kerassep.demo.model.ModelCatalogue
import org.kerassep.demo.player.InterruptionPolicy.Order

/**
 * The player: opens sessions, and turns what the listener, the system and the audio thread say into their state.
 *
 * Everything here happens on one thread, [confined], one call after the other; what is slow happens on [io]. A source
 * that is asked for meanwhile makes the one before it void: `asked` counts.
 */
class SeparatingPlayer(
    private val opener: SessionOpener,
    private val catalogue: ModelCatalogue,
    private val interruptions: Interruptions,
    private val foreground: Foreground,
    private val settings: Settings,
    private val confined: CoroutineDispatcher,
    private val io: CoroutineDispatcher,
    private val nowMs: () -> Long = { System.nanoTime() / 1_000_000 },
) : Player {
    private val scope = CoroutineScope(SupervisorJob() + confined)
    private val mutableState = MutableStateFlow(PlayerState(mix = settings.mix))
    override val state: StateFlow<PlayerState> = mutableState.asStateFlow()

    @Volatile
    private var session: Session? = null
    private var asked = 0
    private val interruptionPolicy = InterruptionPolicy()
    private var reopenedAtMs: Long? = null // when the output was lost last

    init {
        interruptions.listener = { what -> command { onInterruption(what) } }
    }

    private val catalogueRead = command { readCatalogue() }

    override suspend fun meters(): Meters? = withContext(confined) { session?.meters() }

    override fun pollVocals(into: FloatArray): Boolean =
        session?.loop?.separation?.pipeline?.vocalsSpectrogram?.poll(into) ?: false

    override fun pollAccompaniment(into: FloatArray): Boolean =
        session?.loop?.separation?.pipeline?.accompanimentSpectrogram?.poll(into) ?: false

    override fun open(request: SourceRequest) {
        command {
            reopenedAtMs = null
            openAt(request, positionMs = 0) { foreground.enter(request.kind) }
        }
    }

    override fun play() {
        command {
            interruptionPolicy.forget()
            start()
        }
    }

    override fun pause() {
        command {
            interruptionPolicy.forget()
            halt()
            interruptions.end() // whom we made quieter may be loud again
        }
    }

    override fun stop() {
        command { endAll() }
    }

    override fun seek(positionMs: Long) {
        command {
            val session = session ?: return@command
            session.loop.seek(session.toSamples(positionMs.coerceIn(0, session.durationMs ?: Long.MAX_VALUE)))
            change { copy(phase = if (phase == Phase.ENDED) Phase.PAUSED else phase, numSeeks = numSeeks + 1) }
        }
    }

    override fun mix(mix: Mix) {
        command {
            settings.mix = mix
            change { copy(mix = mix) }
            session?.loop?.mix = mix
        }
    }

    override fun choose(file: String) {
        command {
            val entry = state.value.models.find { it.file == file } ?: return@command
            settings.model = file
            change { copy(model = entry) }
            useChosenModel()
        }
    }

    override fun dismissError() {
        command { change { copy(error = null) } }
    }

    private suspend fun readCatalogue() {
        try {
            val models = withContext(io) { catalogue.entries() }
            change { copy(models = models, model = models.find { it.file == settings.model } ?: models.first()) }
        } catch (error: ModelFileException) {
            fail(Problem.MODELS_MISSING, error.message)
        }
    }

    private suspend fun openAt(request: SourceRequest, positionMs: Long, prepare: suspend () -> Unit) {
        val mine = ++asked
        end()
        catalogueRead.join()
        if (mine != asked) return
        val model = state.value.model ?: return fail(Problem.MODELS_MISSING, "expected a model. Received: none")
        change { copy(phase = Phase.LOADING, source = request.kind, error = null) }
        try {
            prepare()
            if (mine != asked) return
            val (mix, models) = state.value.run { mix to listOf(model) + (models - model) }
            val opened = withContext(io) { opener.open(request, models, mix, LoopListener(mine)) }
            if (mine == asked) adopt(opened, positionMs) else withContext(io) { opened.close() }
        } catch (error: AudioException) {
            if (mine == asked) giveUp(error.problem, error)
        } catch (error: ModelFileException) {
            if (mine == asked) giveUp(Problem.MODEL_UNUSABLE, error)
        }
    }

    private suspend fun adopt(opened: Session, positionMs: Long) {
        session = opened
        opened.loop.mix = state.value.mix // which may have changed meanwhile
        change { copy(phase = Phase.PAUSED, title = opened.source.title, durationMs = opened.durationMs) }
        if (positionMs > 0) opened.loop.seek(opened.toSamples(positionMs))
        start()
        val refused = opened.refused
        if (refused != null && state.value.model == refused.model) fallBack(opened, refused.reason)
        useChosenModel()
    }

    private fun start() {
        val session = session ?: return
        val phase = state.value.phase
        if (phase != Phase.PAUSED && phase != Phase.ENDED) return
        if (!interruptions.begin(session.request.kind)) {
            return fail(Problem.FOCUS_DENIED, "the system refused the audio focus")
        }
        if (phase == Phase.ENDED) session.loop.seek(0)
        session.sink.volume = FULL_VOLUME
        session.loop.play()
        change { copy(phase = Phase.PLAYING) }
    }

    private fun halt() {
        if (state.value.phase != Phase.PLAYING) return
        session?.loop?.pause()
        change { copy(phase = Phase.PAUSED) }
    }

    /** Closes what is open. */
    private suspend fun end() {
        val closing = session
        session = null
        interruptionPolicy.forget()
        interruptions.end()
        change { copy(phase = Phase.EMPTY, source = null, title = null, durationMs = null, modelLoading = false) }
        if (closing != null) withContext(io) { closing.close() }
    }

    private suspend fun useChosenModel() {
        val session = session ?: return
        val wanted = state.value.model ?: return
        change { copy(modelLoading = wanted != session.model) }
        if (wanted == session.model) return
        fun current() = session === this.session && wanted == state.value.model
        try {
            val separation = withContext(io) { opener.separation(wanted, session) }
            if (!current()) return retire(separation)
            session.model = wanted
            session.loop.replace(separation)?.let { retire(it) }
        } catch (error: ModelFileException) {
            if (current()) fallBack(session, error.message)
        } catch (error: AudioException) {
            if (current()) fallBack(session, error.message)
        }
        if (session === this.session && session.model == state.value.model) change { copy(modelLoading = false) }
    }

    /** The chosen model does not run: what separates now counts as chosen. */
    private fun fallBack(session: Session, reason: String?) {
        settings.model = session.model.file
        change { copy(model = session.model) }
        fail(Problem.MODEL_REPLACED, reason)
    }

    private suspend fun retire(separation: Separation) = withContext(io) { separation.close() }

    private fun onInterruption(what: Interruption) {
        val session = session ?: return
        when (interruptionPolicy.decide(what, session.request.kind, state.value.phase == Phase.PLAYING)) {
            Order.NOTHING -> Unit
            Order.PAUSE -> {
                halt()
                if (what != Interruption.SHORT_LOSS) interruptions.end()
            }
            Order.ASK_AGAIN -> interruptions.begin(session.request.kind) // in vain, it only is louder
            Order.RESUME -> start()
            Order.LOWER -> session.sink.volume = DUCKED_VOLUME
            Order.RAISE -> session.sink.volume = FULL_VOLUME
        }
    }

    private suspend fun giveUp(problem: Problem, error: Exception) {
        if (endAll()) fail(problem, error.message)
    }

    /** Ends everything; returns whether nothing else was asked for meanwhile, which needs the service. */
    private suspend fun endAll(): Boolean {
        val mine = ++asked
        end()
        if (mine == asked) foreground.leave()
        return mine == asked
    }

    private fun fail(problem: Problem, detail: String?) =
        change { copy(error = PlayerError(problem, detail.orEmpty())) }

    private inline fun change(how: PlayerState.() -> PlayerState) = mutableState.update { it.how() }

    private fun command(body: suspend () -> Unit): Job = scope.launch { body() }

    /** Of the session that was the [mine]th to be asked for. */
    private inner class LoopListener(private val mine: Int) : AudioLoop.Listener {
        override fun onEnd() {
            command { if (mine == asked) ended() }
        }

        override fun onFailure(error: AudioException) {
            command { if (mine == asked) recover(error) }
        }

        override fun onRetired(separation: Separation) {
            command { retire(separation) }
        }
    }

    private fun ended() {
        if (state.value.phase != Phase.PLAYING) return
        interruptions.end()
        change { copy(phase = Phase.ENDED) }
    }

    /** An output that is lost, with a pair of headphones for example, is opened again; what fails twice is told. */
    private suspend fun recover(error: AudioException) {
        val lost = session ?: return
        val again = reopenedAtMs?.let { nowMs() < it + REOPEN_MS } ?: false
        if (error.problem == Problem.OUTPUT_LOST && lost.request !is SourceRequest.OtherApps && !again) {
            reopenedAtMs = nowMs()
            openAt(lost.request, if (lost.source.live) 0 else lost.positionMs) { } // the service runs already
        } else {
            giveUp(error.problem, error)
        }
    }

    private companion object {
        const val FULL_VOLUME = 1f
        const val DUCKED_VOLUME = 0.2f // −14 dB, as the system does it
        const val REOPEN_MS = 2000
    }
}
