package org.kerassep.demo.fakes

import org.kerassep.demo.audio.AudioDevices
import org.kerassep.demo.audio.AudioException
import org.kerassep.demo.audio.AudioSink
import org.kerassep.demo.audio.AudioSource
import org.kerassep.demo.audio.Problem
import org.kerassep.demo.audio.SourceRequest

/** Opens what the test says. @param log receives "source" and "sink". */
class FakeDevices(private val log: MutableList<String>) : AudioDevices {
    var nextSource: (SourceRequest) -> FakeSource = { FakeSource(noise(2000), live = it.kind.live) }
    var nextSink: () -> FakeSink = { FakeSink() }
    var sinkProblem: Problem? = null
    val sources = ArrayList<FakeSource>()
    val sinks = ArrayList<FakeSink>()

    override fun openSource(request: SourceRequest): AudioSource {
        log += "source"
        return nextSource(request).also(sources::add)
    }

    override fun openSink(live: Boolean): AudioSink {
        log += "sink"
        sinkProblem?.let { throw AudioException(it, "no sink") }
        return nextSink().also(sinks::add)
    }
}
