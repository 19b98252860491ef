package org.kerassep.demo

import android.content.Context

/** A service that every Android has. */
inline fun <reified T : Any> Context.systemService(): T =
    checkNotNull(getSystemService(T::class.java)) { "expected a ${T::class.java.simpleName}. Received: none" }
