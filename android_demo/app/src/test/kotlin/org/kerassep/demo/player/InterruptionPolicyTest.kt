package org.kerassep.demo.player

import org.junit.Assert.assertEquals
import org.junit.Test
import org.kerassep.demo.audio.SourceKind
import org.kerassep.demo.player.Interruption.DUCK
import org.kerassep.demo.player.Interruption.GAIN
import org.kerassep.demo.player.Interruption.LOSS
import org.kerassep.demo.player.Interruption.NOISY
import org.kerassep.demo.player.Interruption.SHORT_LOSS
import org.kerassep.demo.player.InterruptionPolicy.Order

class InterruptionPolicyTest {
    private fun last(vararg what: Interruption, kind: SourceKind = SourceKind.FILE): Order {
        val policy = InterruptionPolicy()
        var playing = true
        var order = Order.NOTHING
        for (one in what) {
            order = policy.decide(one, kind, playing)
            if (order == Order.PAUSE) playing = false
            if (order == Order.RESUME) playing = true
        }
        return order
    }

    @Test
    fun `short losses end, others do not`() {
        assertEquals(Order.PAUSE, last(LOSS))
        assertEquals(Order.RAISE, last(LOSS, GAIN))
        assertEquals(Order.RESUME, last(SHORT_LOSS, GAIN))
        assertEquals(Order.RESUME, last(SHORT_LOSS, SHORT_LOSS, GAIN))
        assertEquals("once", Order.RAISE, last(SHORT_LOSS, GAIN, GAIN))
        assertEquals(Order.RAISE, last(SHORT_LOSS, LOSS, GAIN))
        assertEquals(Order.RAISE, last(SHORT_LOSS, NOISY, GAIN))
        assertEquals(Order.LOWER, last(DUCK))
        assertEquals(Order.RAISE, last(DUCK, GAIN))
    }

    @Test
    fun `a short loss does not start what was paused`() {
        val policy = InterruptionPolicy()
        policy.decide(SHORT_LOSS, SourceKind.FILE, playing = false)
        assertEquals(Order.RAISE, policy.decide(GAIN, SourceKind.FILE, playing = false))
    }

    @Test
    fun `other applications that are heard do not interrupt`() {
        for (what in listOf(SHORT_LOSS, DUCK, GAIN)) {
            assertEquals(Order.NOTHING, last(what, kind = SourceKind.OTHER_APPS))
        }
        assertEquals("it is to be quieter again", Order.ASK_AGAIN, last(LOSS, kind = SourceKind.OTHER_APPS))
        assertEquals(Order.NOTHING, last(NOISY, LOSS, kind = SourceKind.OTHER_APPS))
        assertEquals(Order.PAUSE, last(NOISY, kind = SourceKind.OTHER_APPS))
    }
}
