package org.kerassep.core

/**
 * Reads one JSON document (RFC 8259, strictly) as plain values: Map, List, String, Long or BigInteger, Double, Boolean
 * and null. A few dozen lines instead of a dependency: the largest document here is a model's metadata.
 */
class Json private constructor(private val text: String) {
    private var at = 0

    private fun document(): Any? {
        val value = value(0)
        space()
        if (at < text.length) fail()
        return value
    }

    private fun value(depth: Int): Any? {
        space()
        if (depth > MAX_DEPTH) fail()
        return when (peek()) {
            '{' -> map(depth)
            '[' -> list(depth)
            '"' -> string()
            't' -> word("true", true)
            'f' -> word("false", false)
            'n' -> word("null", null)
            else -> number()
        }
    }

    private fun map(depth: Int): Map<String, Any?> {
        val fields = LinkedHashMap<String, Any?>()
        items('{', '}') {
            space()
            val name = string()
            space()
            take(':')
            fields[name] = value(depth + 1)
        }
        return fields
    }

    private fun list(depth: Int): List<Any?> {
        val values = ArrayList<Any?>()
        items('[', ']') { values += value(depth + 1) }
        return values
    }

    private inline fun items(open: Char, close: Char, item: () -> Unit) {
        take(open)
        space()
        if (peek() != close) {
            item()
            space()
            while (peek() == ',') {
                at++
                item()
                space()
            }
        }
        take(close)
    }

    private fun string(): String {
        take('"')
        val result = StringBuilder()
        while (peek() != '"') {
            val char = text[at++]
            if (char < ' ') fail()
            result.append(if (char == '\\') escaped() else char)
        }
        at++
        return result.toString()
    }

    private fun escaped(): Char {
        val char = peek()
        at++
        if (char == 'u') {
            val digits = text.substring(at, minOf(at + 4, text.length))
            if (!HEXADECIMAL.matches(digits)) fail()
            at += 4
            return digits.toInt(16).toChar()
        }
        val index = ESCAPES.indexOf(char)
        if (index < 0) fail()
        return ESCAPED[index]
    }

    private fun number(): Any {
        val found = NUMBER.find(text, at)
        if (found == null || found.range.first != at) fail()
        at = found.range.last + 1
        val digits = found.value
        return if (digits.any { it in ".eE" }) digits.toDouble() else digits.toLongOrNull() ?: digits.toBigInteger()
    }

    private fun word(word: String, value: Boolean?): Boolean? {
        if (!text.startsWith(word, at)) fail()
        at += word.length
        return value
    }

    private fun space() {
        while (at < text.length && text[at] in " \t\r\n") at++
    }

    private fun peek(): Char = if (at < text.length) text[at] else fail()

    private fun take(char: Char) {
        if (peek() != char) fail()
        at++
    }

    private fun fail(): Nothing =
        throw JsonException("expected JSON. Received at character $at: ${text.drop(at).take(20)}")

    companion object {
        private const val MAX_DEPTH = 64
        private const val ESCAPES = "\"\\/bfnrt"
        private const val ESCAPED = "\"\\/\b\u000c\n\r\t"
        private val HEXADECIMAL = Regex("[0-9a-fA-F]{4}")
        private val NUMBER = Regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?")

        /** @throws JsonException the text is not JSON; says from where on. */
        fun parse(text: String): Any? = Json(text).document()
    }
}
