package org.kerassep.demo.ui

import androidx.annotation.StringRes
import org.kerassep.demo.R
import org.kerassep.demo.audio.Problem
import org.kerassep.demo.audio.SourceKind
import java.util.Locale

@StringRes
fun nameOf(kind: SourceKind): Int = when (kind) {
    SourceKind.FILE -> R.string.file
    SourceKind.MICROPHONE -> R.string.microphone
    SourceKind.OTHER_APPS -> R.string.other_apps
}

/** What went wrong, and what to do about it. */
@StringRes
fun adviceFor(problem: Problem): Int = when (problem) {
    Problem.FILE_UNREADABLE -> R.string.problem_file_unreadable
    Problem.FILE_PROTECTED -> R.string.problem_file_protected
    Problem.FILE_UNSUPPORTED -> R.string.problem_file_unsupported
    Problem.MICROPHONE_UNAVAILABLE -> R.string.problem_microphone_unavailable
    Problem.CAPTURE_UNAVAILABLE -> R.string.problem_capture_unavailable
    Problem.CAPTURE_ENDED -> R.string.problem_capture_ended
    Problem.OUTPUT_UNAVAILABLE, Problem.OUTPUT_LOST -> R.string.problem_output
    Problem.FOCUS_DENIED -> R.string.problem_focus_denied
    Problem.BACKGROUND_DENIED -> R.string.problem_background_denied
    Problem.MODELS_MISSING -> R.string.problem_models_missing
    Problem.MODEL_UNUSABLE -> R.string.problem_model_unusable
    Problem.MODEL_REPLACED -> R.string.problem_model_replaced
}

/** Minutes and seconds. */
fun clock(ms: Long): String {
    val seconds = ms / 1000
    return String.format(Locale.ROOT, "%d:%02d", seconds / 60, seconds % 60)
}
