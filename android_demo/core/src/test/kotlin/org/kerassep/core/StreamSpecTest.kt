package org.kerassep.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.CsvSource

class StreamSpecTest {
    @TestFactory
    fun `says what Python says`(): List<DynamicTest> = Golden.specs.map { (json, complaint) ->
        dynamicTest(complaint ?: json) {
            val found = try {
                StreamSpec.fromJson(json)
                null
            } catch (error: IllegalArgumentException) {
                error.message
            }
            assertEquals(complaint, found)
        }
    }

    @Test
    fun `reads every field`() {
        assertEquals(SPEC, StreamSpec.fromJson(Golden.specs.first().first))
        assertEquals(1025, SPEC.numBins)
        assertEquals(2048, SPEC.algorithmicLatency)
        assertEquals(46.44, SPEC.algorithmicLatencyMs, 0.005)
    }

    @ParameterizedTest
    @CsvSource(
        delimiter = '|',
        value = [
            "sample_rate | 1e99 | sample_rate must be an integer. Received: sample_rate=1e+99",
            "sample_rate | \"44100\" | sample_rate must be an integer. Received: sample_rate='44100'",
            "sample_rate | null | sample_rate must be an integer. Received: sample_rate=None",
            "fft_length | 4294967296 | fft_length must be below 2^31. Received: fft_length=4294967296",
            "window | [\"hann\"] | window must be one of hann. Received: window=['hann']",
            "sources | [\"1st\"] | $NAMES. Received: sources=('1st',)",
            "sources | [[\"a\"], 2] | $NAMES. Received: sources=(['a'], 2)",
            "sources | {\"a\": 1} | $NAMES. Received: sources=({'a': 1},)",
            "views | [\"left\", 2] | $VIEWS. Received: views=('left', 2)",
        ],
    )
    fun `refuses values of another kind`(name: String, value: String, complaint: String) {
        val json = Golden.specs.first().first.replace(Regex("\"$name\": (\\[.*?]|[^,}]*)"), "\"$name\": $value")
        val error = assertThrows(IllegalArgumentException::class.java) { StreamSpec.fromJson(json) }
        assertEquals("StreamSpec: $complaint", error.message)
    }

    @Test
    fun `files of the first release name no views and see the channels`() {
        val fields = Golden.fields(Json.parse(Golden.specs.first().first)) - "views"
        assertEquals(SPEC, StreamSpec.fromMap(fields))
        assertEquals(listOf("mono"), StreamSpec.fromMap(fields + ("num_channels" to 1)).views)
        assertEquals(2, SPEC.numViews)
        assertEquals(4, MID_SIDE_SPEC.numViews)
    }

    @Test
    fun `the constructor checks as well`() {
        val error = assertThrows(IllegalArgumentException::class.java) { SPEC.copy(frameStep = 1000) }
        assertEquals(
            "StreamSpec: frame_step must be a divisor of frame_length=2048, at most a third of it. " +
                "Received: frame_step=1000",
            error.message,
        )
    }

    private companion object {
        const val VIEWS = "views must be one of ('left', 'right'), ('left', 'right', 'mid', 'side')"
        const val NAMES = "sources must be distinct names made of letters, digits and _"
    }
}
