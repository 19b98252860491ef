package org.kerassep.demo.audio

/** The listener's consent to hear other applications, as the system's dialog gave it; good for one use. */
interface CaptureConsent
