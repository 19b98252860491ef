package org.kerassep.demo.player

import org.kerassep.core.ModelFileException
import org.kerassep.demo.audio.AudioDevices
import org.kerassep.demo.audio.AudioException
import org.kerassep.demo.audio.AudioLoop
import org.kerassep.demo.audio.AudioSink
import org.kerassep.demo.audio.AudioSource
import org.kerassep.demo.audio.Mix
import org.kerassep.demo.audio.Problem
import org.kerassep.demo.audio.Separation
import org.kerassep.demo.audio.SourceRequest
import org.kerassep.demo.audio.ThreadStarter
import org.kerassep.demo.model.ModelCatalogue
import org.kerassep.demo.model.ModelEntry

/** Opens what a session needs, and closes it again where a part is missing. Slow calls, not for the main thread. */
class SessionOpener(
    private val devices: AudioDevices,
    private val models: ModelCatalogue,
    private val threads: ThreadStarter,
) {
    /**
     * @param models the wanted one first; where it does not run on this device, the next one that does is taken.
     * @throws AudioException a source or a sink that does not open, or formats that do not go together.
     * @throws ModelFileException none of the models runs.
     */
    fun open(request: SourceRequest, models: List<ModelEntry>, mix: Mix, listener: AudioLoop.Listener): Session {
        val opened = ArrayList<AutoCloseable>()
        try {
            val source = devices.openSource(request).also(opened::add)
            val sink = devices.openSink(source.live).also(opened::add)
            val (model, separation, refused) = firstThatRuns(models, source, sink)
            opened += separation
            val loop = AudioLoop(source, sink, separation, mix, listener)
            return Session(request, source, sink, loop, model, refused, threads)
        } catch (error: Exception) {
            for (part in opened.asReversed()) part.close()
            throw error
        }
    }

    /** A separation, warmed up, for a session that is open. @throws ModelFileException the model does not run. */
    fun separation(model: ModelEntry, session: Session): Separation = separation(model, session.source, session.sink)

    private fun firstThatRuns(
        models: List<ModelEntry>,
        source: AudioSource,
        sink: AudioSink,
    ): Triple<ModelEntry, Separation, RefusedModel?> {
        var first: ModelFileException? = null
        for (model in models) {
            try {
                val refused = first?.let { RefusedModel(models.first(), it.message) }
                return Triple(model, separation(model, source, sink), refused)
            } catch (error: ModelFileException) {
                first = first ?: error
            }
        }
        throw first ?: ModelFileException("expected a model. Received: none")
    }

    private fun separation(entry: ModelEntry, source: AudioSource, sink: AudioSink): Separation {
        val model = models.open(entry)
        try {
            val separation = Separation(model, source.format, sink.format, source.blockSamples)
            separation.pipeline.warmUp()
            return separation
        } catch (error: IllegalArgumentException) { // rates or channels beyond what can be converted
            model.close()
            throw AudioException(Problem.FILE_UNSUPPORTED, error.message.orEmpty(), error)
        } catch (error: Exception) {
            model.close()
            throw error
        }
    }
}
