package org.kerassep.demo.ui

import android.Manifest
import android.content.Context
import android.content.pm.PackageManager
import android.media.AudioDeviceCallback
import android.media.AudioDeviceInfo
import android.media.AudioManager
import android.os.Build
import android.os.Handler
import android.os.Looper
import androidx.core.content.ContextCompat
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.callbackFlow
import kotlinx.coroutines.flow.distinctUntilChanged
import org.kerassep.demo.systemService

class AndroidDevice(private val context: Context) : Device {
    private val manager = context.systemService<AudioManager>()

    override val headphones: Flow<Boolean> = callbackFlow {
        val callback = object : AudioDeviceCallback() {
            override fun onAudioDevicesAdded(added: Array<out AudioDeviceInfo>) = tell()

            override fun onAudioDevicesRemoved(removed: Array<out AudioDeviceInfo>) = tell()

            private fun tell() {
                trySend(manager.getDevices(AudioManager.GET_DEVICES_OUTPUTS).any { it.type in HEADPHONES })
            }
        }
        manager.registerAudioDeviceCallback(callback, Handler(Looper.getMainLooper())) // tells what is there, at once
        awaitClose { manager.unregisterAudioDeviceCallback(callback) }
    }.distinctUntilChanged()

    override val capturesPlayback get() = Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q

    override fun missingPermissions(): List<Permission> = Permission.entries.filter { permission ->
        val name = nameOf(permission)
        name != null && ContextCompat.checkSelfPermission(context, name) != PackageManager.PERMISSION_GRANTED
    }

    companion object {
        private val HEADPHONES = setOf(
            AudioDeviceInfo.TYPE_WIRED_HEADPHONES,
            AudioDeviceInfo.TYPE_WIRED_HEADSET,
            AudioDeviceInfo.TYPE_USB_HEADSET,
            AudioDeviceInfo.TYPE_BLUETOOTH_A2DP,
            AudioDeviceInfo.TYPE_BLE_HEADSET,
            AudioDeviceInfo.TYPE_HEARING_AID,
        )

        /** The system's name of it; null where the system does not ask. */
        fun nameOf(permission: Permission): String? = when (permission) {
            Permission.RECORD_AUDIO -> Manifest.permission.RECORD_AUDIO
            Permission.NOTIFICATIONS ->
                Manifest.permission.POST_NOTIFICATIONS.takeIf { Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU }
        }
    }
}
