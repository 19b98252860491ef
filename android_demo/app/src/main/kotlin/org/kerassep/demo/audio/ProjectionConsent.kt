package org.kerassep.demo.audio

import android.content.Intent

/** What the system's dialog returned. */
class ProjectionConsent(val resultCode: Int, val data: Intent) : CaptureConsent
