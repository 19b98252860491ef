package org.kerassep.demo.audio

enum class SourceKind(val live: Boolean) {
    FILE(live = false),
    MICROPHONE(live = true),
    OTHER_APPS(live = true),
}
