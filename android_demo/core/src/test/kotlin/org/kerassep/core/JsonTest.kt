package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource
import java.math.BigInteger
import kotlin.random.Random

class JsonTest {
    @Test
    fun `reads every kind of value`() {
        val text = """ {"a": [1, -2.5e1, true, false, null], "b": {}, "c": [],
            "d": "\"\\\/\b\f\n\r\té€𝄞", "e": 18446744073709551616} """
        val expected = mapOf(
            "a" to listOf(1L, -25.0, true, false, null),
            "b" to emptyMap<String, Any?>(),
            "c" to emptyList<Any?>(),
            "d" to "\"\\/\b\u000c\n\r\té€𝄞",
            "e" to BigInteger("18446744073709551616"),
        )
        assertEquals(expected, Json.parse(text))
        assertEquals("é𝄞", Json.parse("\"\\u00e9\\uD834\\uDD1E\""))
    }

    @ParameterizedTest
    @ValueSource(
        strings = [
            "", " ", "{", "}", "[", "[1", "[1,", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}",
            "'a'", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u+123\"", "\"\n\"",
            "01", "1.", ".5", "+1", "1e", "-", "tru", "nul", "NaN", "Infinity", "1 2", "[1] x",
        ],
    )
    fun `refuses what is not JSON`(text: String) {
        assertThrows(JsonException::class.java) { Json.parse(text) }
    }

    @Test
    fun `refuses nesting that would exhaust the stack`() {
        assertThrows(JsonException::class.java) { Json.parse("[".repeat(100_000)) }
    }

    @Test
    fun `damaged text is read or refused, nothing else`() {
        val text = Golden.specs.first().first
        val random = Random(1)
        repeat(5000) {
            val damaged = StringBuilder(text)
            repeat(1 + random.nextInt(3)) {
                damaged.setCharAt(random.nextInt(damaged.length), random.nextInt(1, 128).toChar())
            }
            try {
                Json.parse(damaged.substring(0, random.nextInt(damaged.length + 1)))
            } catch (_: JsonException) {
                // as it should
            }
        }
    }
}
