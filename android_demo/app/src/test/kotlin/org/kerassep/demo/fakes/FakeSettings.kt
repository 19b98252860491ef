package org.kerassep.demo.fakes

import org.kerassep.demo.audio.Mix
import org.kerassep.demo.player.Settings

data class FakeSettings(override var mix: Mix = Mix.KARAOKE, override var model: String? = null) : Settings
