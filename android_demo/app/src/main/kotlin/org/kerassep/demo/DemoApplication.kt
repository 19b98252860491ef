package org.kerassep.demo

import android.app.Application

open class DemoApplication : Application() {
    open val graph: Graph by lazy { AndroidGraph(this) }
}
