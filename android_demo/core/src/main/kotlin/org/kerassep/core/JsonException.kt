package org.kerassep.core

/** A text that is not JSON. */
class JsonException(message: String) : Exception(message)
