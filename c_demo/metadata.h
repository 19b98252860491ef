/*
 * What a .tflite file of keras_sep says of itself: JSON, in the file's metadata under "keras_sep".
 * keras_sep/metadata.py is the original.
 */
#ifndef KERAS_SEP_METADATA_H_
#define KERAS_SEP_METADATA_H_

#include <stdbool.h>
#include <stddef.h>

#define METADATA_KEY "keras_sep"

/* Why a file must not be given to LiteRT, which crashes on damaged ones; NULL if it is whole: it carries the SHA-256
 * of its own bytes, with zeros where the digest stands. */
const char *metadata_problem(const void *content, size_t num_bytes);

/* Looks up a whole number, -1 where it is not; whether a key's value is this text. This is no JSON parser: the exporter
 * writes `"key": value` with one space, and the keys of format, graph and spec once. */
long metadata_number(const char *json, size_t num_bytes, const char *key);
bool metadata_says(const char *json, size_t num_bytes, const char *key, const char *text);

#endif
