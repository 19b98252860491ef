package org.kerassep.demo.player

import android.content.Context
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import org.kerassep.demo.audio.AudioException
import org.kerassep.demo.audio.Problem
import org.kerassep.demo.audio.SourceKind

/**
 * Starts and ends [PlaybackService]. All of it happens on the main thread, as the service's own life does.
 *
 * A service that was asked to start in the foreground must get there before it may end, or the system ends the
 * application: hence `leaving`.
 */
class ServiceForeground(private val context: Context) : Foreground {
    private var service: PlaybackService? = null
    private var entering: CompletableDeferred<Unit>? = null
    private var leaving = false

    override suspend fun enter(kind: SourceKind) = withContext(Dispatchers.Main.immediate) {
        leaving = false
        val entered = CompletableDeferred<Unit>()
        entering?.complete(Unit) // whoever asked before is no longer wanted
        entering = entered
        try {
            context.startForegroundService(PlaybackService.enter(context, kind))
        } catch (error: IllegalStateException) { // from the background, since Android 12
            entering = null
            throw AudioException(Problem.BACKGROUND_DENIED, "the system refused the service: ${error.message}", error)
        }
        entered.await()
    }

    override suspend fun leave() = withContext(Dispatchers.Main.immediate) {
        leaving = entering != null
        if (!leaving) service?.leave()
        Unit
    }

    /** The service is in the foreground now. */
    fun onEntered(service: PlaybackService) {
        this.service = service
        entering?.complete(Unit)
        entering = null
        if (leaving) service.leave()
    }

    /** The system did not let it. */
    fun onRefused(error: RuntimeException) {
        val message = "the system refused the service: ${error.message}"
        entering?.completeExceptionally(AudioException(Problem.BACKGROUND_DENIED, message, error))
        entering = null
    }

    fun onGone(service: PlaybackService) {
        if (this.service === service) this.service = null
    }
}
