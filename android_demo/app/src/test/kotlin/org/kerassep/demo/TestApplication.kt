package org.kerassep.demo

import org.kerassep.demo.fakes.FakeCatalogue
import org.kerassep.demo.fakes.FakeDevice
import org.kerassep.demo.fakes.FakePlayer
import org.kerassep.demo.player.ServiceForeground

/** The application around a player that only writes down what it is asked for. */
class TestApplication : DemoApplication() {
    val player = FakePlayer()
    val device = FakeDevice()

    override val graph = object : Graph {
        override val player = this@TestApplication.player
        override val catalogue = FakeCatalogue()
        override val device = this@TestApplication.device
        override val foreground = ServiceForeground(this@TestApplication)
    }
}
