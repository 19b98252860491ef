package org.kerassep.demo.audio

/** Starts threads for sound. */
fun interface ThreadStarter {
    /** @param urgent whether a late return is heard: the thread that feeds the device. */
    fun start(name: String, urgent: Boolean, body: Runnable): Thread
}
