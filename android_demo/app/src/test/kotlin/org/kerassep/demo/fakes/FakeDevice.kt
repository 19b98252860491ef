package org.kerassep.demo.fakes

import kotlinx.coroutines.flow.MutableStateFlow
import org.kerassep.demo.ui.Device
import org.kerassep.demo.ui.Permission

class FakeDevice : Device {
    override val headphones = MutableStateFlow(true)
    override var capturesPlayback = true
    var missing = emptyList<Permission>()

    override fun missingPermissions() = missing
}
