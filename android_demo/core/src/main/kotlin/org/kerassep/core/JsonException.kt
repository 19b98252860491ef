package org.kerassep.core

internal class JsonException(message: String) : Exception(message)
