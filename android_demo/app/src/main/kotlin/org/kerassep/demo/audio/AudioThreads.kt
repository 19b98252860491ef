package org.kerassep.demo.audio

import android.os.Process

/** Threads with the priorities that Android gives to sound. */
object AudioThreads : ThreadStarter {
    override fun start(name: String, urgent: Boolean, body: Runnable): Thread {
        val priority = if (urgent) Process.THREAD_PRIORITY_URGENT_AUDIO else Process.THREAD_PRIORITY_AUDIO
        val thread = Thread(
            {
                Process.setThreadPriority(priority)
                body.run()
            },
            name,
        )
        thread.start()
        return thread
    }
}
