package org.kerassep.demo

import org.kerassep.demo.model.ModelCatalogue
import org.kerassep.demo.player.Player
import org.kerassep.demo.player.ServiceForeground
import org.kerassep.demo.ui.Device

/** What the application is made of; tests put another one in its place. */
interface Graph {
    val player: Player
    val catalogue: ModelCatalogue
    val device: Device
    val foreground: ServiceForeground
}
