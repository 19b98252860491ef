package org.kerassep.demo.player

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
     * @throws AudioException a source or a sink that does not open, or formats that do not go together.
     * @throws org.kerassep.core.ModelFileException the model does not open.
     */
    fun open(request: SourceRequest, model: ModelEntry, mix: Mix, listener: AudioLoop.Listener): Session {
        val opened = ArrayList<AutoCloseable>()
        try {
            val source = devices.openSource(request).also(opened::add)
            val sink = devices.openSink(source.live).also(opened::add)
            val separation = separation(model, source, sink).also(opened::add)
            val loop = AudioLoop(source, sink, separation, mix, listener)
            return Session(request, source, sink, loop, model, threads)
        } catch (error: Exception) {
            for (part in opened.asReversed()) part.close()
            throw error
        }
    }

    /** A separation, warmed up, for a session that is open. @throws org.kerassep.core.ModelFileException as above. */
    fun separation(model: ModelEntry, session: Session): Separation = separation(model, session.source, session.sink)

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
