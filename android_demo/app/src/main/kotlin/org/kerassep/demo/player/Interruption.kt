package org.kerassep.demo.player

enum class Interruption {
    /** Another application plays from now on. */
    LOSS,

    /** Another application plays for a short time. */
    SHORT_LOSS,

    /** Another application has something short to say. */
    DUCK,

    /** It is over. */
    GAIN,

    /** The headphones are gone, and what plays would come out of the loudspeaker. */
    NOISY,
}
