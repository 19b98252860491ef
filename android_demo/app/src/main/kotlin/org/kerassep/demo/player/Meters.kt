package org.kerassep.demo.player

import org.kerassep.core.Latency

/**
 * Numbers of a source that plays.
 *
 * @property positionMs of what is heard now.
 * @property p50Ms median time of a step of the network. @property p99Ms what 99 of 100 steps keep to.
 * @property stepMs what a step has in real time. @property load part of it that the last steps took.
 * @property underruns times the device found nothing to play. @property overruns live blocks that came too late.
 */
data class Meters(
    val positionMs: Long,
    val p50Ms: Float,
    val p99Ms: Float,
    val stepMs: Float,
    val load: Float,
    val latency: Latency,
    val underruns: Int,
    val overruns: Int,
)
