package org.kerassep.demo

import android.content.Context
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.asCoroutineDispatcher
import org.kerassep.demo.audio.AndroidDevices
import org.kerassep.demo.audio.AudioThreads
import org.kerassep.demo.model.AssetCatalogue
import org.kerassep.demo.player.AndroidInterruptions
import org.kerassep.demo.player.PreferencesSettings
import org.kerassep.demo.player.SeparatingPlayer
import org.kerassep.demo.player.ServiceForeground
import org.kerassep.demo.player.SessionOpener
import org.kerassep.demo.ui.AndroidDevice
import java.util.concurrent.Executors

/** The real parts, made once. */
class AndroidGraph(context: Context) : Graph {
    override val catalogue = AssetCatalogue(context.assets)
    override val device = AndroidDevice(context)
    override val foreground = ServiceForeground(context)
    override val player = SeparatingPlayer(
        opener = SessionOpener(AndroidDevices(context), catalogue, AudioThreads),
        catalogue = catalogue,
        interruptions = AndroidInterruptions(context),
        foreground = foreground,
        settings = PreferencesSettings(context.getSharedPreferences("settings", Context.MODE_PRIVATE)),
        confined = Executors.newSingleThreadExecutor { Thread(it, "player") }.asCoroutineDispatcher(),
        io = Dispatchers.IO,
    )
}
