package org.kerassep.demo.player

/** Where a source stands. */
enum class Phase { EMPTY, LOADING, PLAYING, PAUSED, ENDED }
