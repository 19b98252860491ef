package org.kerassep.demo.player

import android.content.SharedPreferences
import androidx.core.content.edit
import org.kerassep.demo.audio.Mix

/** Settings in the application's preferences. */
class PreferencesSettings(private val preferences: SharedPreferences) : Settings {
    override var mix: Mix
        get() = Mix(
            vocalsDb = preferences.getFloat(VOCALS, Mix.KARAOKE.vocalsDb),
            accompanimentDb = preferences.getFloat(ACCOMPANIMENT, Mix.KARAOKE.accompanimentDb),
        )
        set(value) = preferences.edit {
            putFloat(VOCALS, value.vocalsDb)
            putFloat(ACCOMPANIMENT, value.accompanimentDb)
        }

    override var model: String?
        get() = preferences.getString(MODEL, null)
        set(value) = preferences.edit { putString(MODEL, value) }

    private companion object {
        const val VOCALS = "vocals_db"
        const val ACCOMPANIMENT = "accompaniment_db"
        const val MODEL = "model"
    }
}
