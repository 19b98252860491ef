package org.kerassep.demo

import android.content.Intent
import android.graphics.Bitmap
import android.graphics.Color
import android.view.Window
import androidx.compose.ui.semantics.SemanticsActions
import androidx.compose.ui.test.SemanticsMatcher
import androidx.compose.ui.test.assertIsDisplayed
import androidx.compose.ui.test.assertIsEnabled
import androidx.compose.ui.test.assertIsNotEnabled
import androidx.compose.ui.test.hasContentDescription
import androidx.compose.ui.test.junit4.v2.createAndroidComposeRule
import androidx.compose.ui.test.onNodeWithContentDescription
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performScrollTo
import androidx.compose.ui.test.performSemanticsAction
import androidx.test.core.app.ApplicationProvider
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import org.kerassep.core.Latency
import org.kerassep.demo.audio.Mix
import org.kerassep.demo.audio.Problem
import org.kerassep.demo.audio.SongFile
import org.kerassep.demo.audio.SourceKind
import org.kerassep.demo.fakes.keep
import org.kerassep.demo.fakes.pictureOf
import org.kerassep.demo.player.Meters
import org.kerassep.demo.player.Phase
import org.kerassep.demo.player.PlayerError
import org.kerassep.demo.ui.Permission
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import org.robolectric.shadows.ShadowDialog
import org.robolectric.shadows.ShadowLooper
import kotlin.math.exp

@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], application = TestApplication::class, qualifiers = "w411dp-h891dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class MainActivityTest {
    @get:Rule
    val rule = createAndroidComposeRule<MainActivity>()

    private val application get() = ApplicationProvider.getApplicationContext<TestApplication>()
    private val player get() = application.player

    /**
     * The example song, playing, with numbers as a phone might give them. Its spectrograms ask for every frame, so that
     * nothing is ever idle: from here on time passes when the test says so.
     */
    private fun playing() {
        rule.waitForIdle()
        rule.mainClock.autoAdvance = false
        player.meters = Meters(
            positionMs = 11_000, p50Ms = 2.4f, p99Ms = 4.1f, stepMs = 11.6f, load = 0.22f,
            Latency(0.0, 0.0, 2.2, 46.4, 31.0, 18.5), underruns = 0, overruns = 0,
        )
        player.state.value = player.state.value.copy(
            phase = Phase.PLAYING, source = SourceKind.FILE, title = SongFile.EXAMPLE_TITLE,
            durationMs = 25_000, mix = Mix(-60f, 1f),
        )
        var columns = 0
        player.spectrum = { into ->
            columns++
            for (band in into.indices) into[band] = -95f + 70f * harmonics(band, columns / 40f)
            columns % 20 != 0
        }
        pass(1000)
    }

    private fun pass(ms: Long) {
        ShadowLooper.idleMainLooper() // the state's way to the screen
        rule.mainClock.advanceTimeBy(ms)
    }

    private fun harmonics(band: Int, time: Float): Float {
        val melody = 18 + 6 * kotlin.math.sin(time)
        return (1..5).maxOf { exp(-(band - melody - 18 * kotlin.math.ln(it.toFloat())).let { d -> d * d / 3 }) / it }
    }

    private fun level(label: String) =
        rule.onNode(hasContentDescription(label) and SemanticsMatcher.keyIsDefined(SemanticsActions.SetProgress))

    @Test
    fun `every source is there`() {
        for (name in listOf("Example song", "Song file", "Microphone", "Other apps")) {
            rule.onNodeWithText(name).assertIsDisplayed().assertIsEnabled()
        }
        rule.onNodeWithText("Example song").performClick()
        assertEquals(listOf("open Example"), player.calls)
        rule.onNodeWithContentDescription("Play").assertIsNotEnabled()
    }

    @Test
    fun `levels move, and are said aloud`() {
        level("Voice").performSemanticsAction(SemanticsActions.SetProgress) { it(-12.4f) }
        rule.waitForIdle()
        rule.onNodeWithText("−12 dB").assertExists()
        rule.onNodeWithText("Karaoke").performScrollTo().performClick()
        rule.onNodeWithText("Original").performClick()
        assertEquals(listOf("mix -12.0 0.0 false", "mix -60.0 0.0 false", "mix -60.0 0.0 true"), player.calls)
    }

    @Test
    fun `a song that plays can be paused, stopped and sought`() {
        playing()
        rule.onNodeWithText(SongFile.EXAMPLE_TITLE).assertIsDisplayed()
        rule.onNodeWithText("0:11").assertExists()
        rule.onNodeWithContentDescription("Pause").performClick()
        level("Position").performSemanticsAction(SemanticsActions.SetProgress) { it(0.5f) }
        rule.onNodeWithContentDescription("Stop").performClick()
        assertEquals(listOf("pause", "seek 12500", "stop"), player.calls)
    }

    @Test
    fun `the model is chosen from the shipped ones`() {
        rule.onNodeWithText("or-unet, float32").performScrollTo().performClick()
        assertEquals(listOf("choose large.tflite"), player.calls)
    }

    @Test
    fun `an error is shown with what to do, until it is dismissed`() {
        player.state.value = player.state.value.copy(error = PlayerError(Problem.FILE_PROTECTED, "encrypted samples"))
        rule.onNodeWithText("encrypted samples").assertIsDisplayed()
        rule.onNodeWithText("Choose one without protection", substring = true).assertIsDisplayed()
        rule.onNodeWithText("OK").performClick()
        rule.onNodeWithText("encrypted samples").assertDoesNotExist()
    }

    @Test
    fun `a rotation keeps what is shown`() {
        playing()
        rule.onNodeWithText("Other apps").performClick()
        pass(500)
        rule.onNodeWithText("Hear other apps").assertIsDisplayed()
        rule.activityRule.scenario.recreate()
        pass(500)
        rule.onNodeWithText("Hear other apps").assertIsDisplayed()
        rule.onNodeWithText(SongFile.EXAMPLE_TITLE).assertExists()
        assertTrue("nothing was opened or stopped", player.calls.isEmpty())
    }

    @Test
    fun `the file picker's answer is played`() {
        rule.onNodeWithText("Song file").performClick()
        rule.waitForIdle()
        val started = shadowOf(rule.activity).nextStartedActivityForResult
        assertEquals(Intent.ACTION_OPEN_DOCUMENT, started.intent.action)
        val answer = Intent().setData(android.net.Uri.parse("content://songs/1"))
        rule.runOnUiThread {
            shadowOf(rule.activity).receiveResult(started.intent, android.app.Activity.RESULT_OK, answer)
        }
        assertEquals(listOf("open File(uri=content://songs/1)"), player.calls)
    }

    @Test
    fun `the microphone's permission is asked for`() {
        application.device.missing = listOf(Permission.RECORD_AUDIO)
        rule.onNodeWithText("Microphone").performClick()
        rule.waitForIdle()
        val asked = shadowOf(rule.activity).lastRequestedPermission
        assertEquals(listOf("android.permission.RECORD_AUDIO"), asked.requestedPermissions.toList())
    }

    @Test
    fun `without a catalogue nothing can be started`() {
        player.state.value = player.state.value.copy(models = emptyList(), model = null)
        rule.onNodeWithText("Example song").assertIsNotEnabled()
    }

    @Test
    fun `other applications need Android 10`() {
        application.device.capturesPlayback = false
        rule.activityRule.scenario.recreate()
        player.state.value = player.state.value.copy(title = "new")
        rule.onNodeWithText("Other apps").assertIsNotEnabled()
        rule.onNodeWithText("Other apps can be heard since Android 10.").assertExists()
    }

    private fun picture(name: String, window: Window = rule.activity.window): Bitmap {
        if (rule.mainClock.autoAdvance) rule.waitForIdle() else pass(500)
        var picture: Bitmap? = null
        rule.runOnUiThread { picture = pictureOf(window) }
        return checkNotNull(picture).also { it.keep(name) }
    }

    private fun lightness(picture: Bitmap): Double {
        var sum = 0.0
        for (y in 0 until picture.height step 16) {
            for (x in 0 until picture.width step 16) sum += Color.luminance(picture.getPixel(x, y))
        }
        return sum / ((picture.height + 15) / 16 * ((picture.width + 15) / 16))
    }

    @Test
    fun `light by day`() {
        picture("phone-empty-light")
        playing()
        assertTrue(lightness(picture("phone-playing-light")) > 0.5)
        player.state.value = player.state.value.copy(phase = Phase.PAUSED)
        pass(500)
        rule.mainClock.autoAdvance = true
        rule.onNodeWithText("Licence").performScrollTo()
        picture("phone-paused-light-below")
    }

    @Test
    @Config(qualifiers = "w411dp-h891dp-night-xhdpi")
    fun `dark by night`() {
        playing()
        player.state.value = player.state.value.copy(source = SourceKind.OTHER_APPS, title = null, durationMs = null)
        assertTrue(lightness(picture("phone-other-apps-dark")) < 0.3)
        player.state.value = player.state.value.copy(error = PlayerError(Problem.FILE_UNREADABLE, "damaged"))
        pass(500)
        picture("phone-error-dark", checkNotNull(ShadowDialog.getLatestDialog().window))
    }

    @Test
    @Config(qualifiers = "w1024dp-h600dp-land-hdpi")
    fun `two columns where there is room`() {
        playing()
        rule.onNodeWithText("Example song").assertIsDisplayed()
        rule.onNodeWithText("Performance").assertIsDisplayed()
        picture("tablet-playing-light")
    }
}
