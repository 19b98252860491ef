package org.kerassep.core

/** A model file that cannot be used. One line for a person: the file, the value received and what was expected. */
class ModelFileException(message: String) : Exception(message)
