package org.kerassep.demo

import android.Manifest
import android.content.Intent
import android.media.projection.MediaProjectionConfig
import android.media.projection.MediaProjectionManager
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.provider.Settings
import androidx.activity.ComponentActivity
import androidx.activity.compose.setContent
import androidx.activity.enableEdgeToEdge
import androidx.activity.result.contract.ActivityResultContracts.OpenDocument
import androidx.activity.result.contract.ActivityResultContracts.RequestMultiplePermissions
import androidx.activity.result.contract.ActivityResultContracts.StartActivityForResult
import androidx.activity.viewModels
import androidx.compose.runtime.getValue
import androidx.lifecycle.Lifecycle
import androidx.lifecycle.compose.collectAsStateWithLifecycle
import androidx.lifecycle.lifecycleScope
import androidx.lifecycle.repeatOnLifecycle
import androidx.lifecycle.viewmodel.initializer
import androidx.lifecycle.viewmodel.viewModelFactory
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import org.kerassep.demo.audio.ProjectionConsent
import org.kerassep.demo.ui.AndroidDevice
import org.kerassep.demo.ui.DemoScreen
import org.kerassep.demo.ui.DemoTheme
import org.kerassep.demo.ui.DemoViewModel
import org.kerassep.demo.ui.Effect

/** Shows the screen, and does what only an activity can: the system's picker and dialogs. */
class MainActivity : ComponentActivity() {
    private val model: DemoViewModel by viewModels {
        viewModelFactory {
            initializer {
                val graph = (application as DemoApplication).graph
                DemoViewModel(graph.player, graph.catalogue, graph.device, Dispatchers.IO)
            }
        }
    }

    private val filePicker = registerForActivityResult(OpenDocument()) { model.onFilePicked(it?.toString()) }

    private var explainable = false

    private val permissions = registerForActivityResult(RequestMultiplePermissions()) {
        model.onPermissions(before = explainable, after = isExplainable())
    }

    private val captureConsent = registerForActivityResult(StartActivityForResult()) { result ->
        val data = result.data
        model.onCaptureConsent(
            if (result.resultCode == RESULT_OK && data != null) ProjectionConsent(result.resultCode, data) else null,
        )
    }

    override fun onCreate(savedInstanceState: Bundle?) {
        enableEdgeToEdge()
        super.onCreate(savedInstanceState)
        lifecycleScope.launch {
            repeatOnLifecycle(Lifecycle.State.STARTED) { model.effects.collect(::perform) }
        }
        setContent {
            val state by model.state.collectAsStateWithLifecycle()
            DemoTheme { DemoScreen(state, model) }
        }
    }

    private fun perform(effect: Effect) = when (effect) {
        Effect.PickFile -> filePicker.launch(arrayOf("audio/*", "application/ogg"))
        is Effect.AskPermissions -> {
            explainable = isExplainable()
            permissions.launch(effect.permissions.mapNotNull(AndroidDevice::nameOf).toTypedArray())
        }
        Effect.AskCaptureConsent -> captureConsent.launch(captureIntent())
        Effect.OpenSettings -> startActivity(
            Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, Uri.fromParts("package", packageName, null)),
        )
    }

    private fun isExplainable() = shouldShowRequestPermissionRationale(Manifest.permission.RECORD_AUDIO)

    private fun captureIntent(): Intent {
        val projections = systemService<MediaProjectionManager>()
        return if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.UPSIDE_DOWN_CAKE) {
            // One application of the listener's choice would be the only one that is heard.
            projections.createScreenCaptureIntent(MediaProjectionConfig.createConfigForDefaultDisplay())
        } else {
            projections.createScreenCaptureIntent()
        }
    }
}
