package org.kerassep.core

/** A value as Python's `repr` writes it, so that an error reads the same on every platform. */
internal fun pythonRepr(value: Any?): String = when (value) {
    null -> "None"
    true -> "True"
    false -> "False"
    is String -> quoted(value)
    is Double -> value.toString().replace("E-", "e-0").replace("E", "e+").replace(".0e", "e")
    is List<*> -> value.joinToString(", ", "[", "]", transform = ::pythonRepr)
    is Map<*, *> -> value.entries.joinToString(", ", "{", "}") { "${pythonRepr(it.key)}: ${pythonRepr(it.value)}" }
    else -> value.toString()
}

/** A list as Python writes a tuple: one item keeps its comma. */
internal fun pythonTuple(values: List<*>): String =
    values.joinToString(", ", "(", if (values.size == 1) ",)" else ")", transform = ::pythonRepr)

private fun quoted(text: String): String {
    val quote = if ('\'' in text && '"' !in text) '"' else '\''
    return text.toCharArray().joinToString("", "$quote", "$quote") { char ->
        when {
            char == '\n' -> "\\n"
            char == '\r' -> "\\r"
            char == '\t' -> "\\t"
            char == '\\' || char == quote -> "\\$char"
            char < ' ' || char == '\u007f' -> "\\x%02x".format(char.code)
            else -> "$char"
        }
    }
}
