#include "metadata.h"

#include <stdio.h>
#include <string.h>

#include "sha256.h"

/* First place of a pattern in bytes that do not end with a zero; NULL if there is none. */
static const char *find(const char *bytes, size_t num_bytes, const char *pattern) {
    size_t length = strlen(pattern);
    for (; num_bytes >= length; bytes++, num_bytes--) {
        if (memcmp(bytes, pattern, length) == 0) return bytes;
    }
    return NULL;
}

/* What follows `"key": `, and how many bytes there are of it. */
static const char *value_of(const char *json, size_t num_bytes, const char *key, size_t *rest) {
    char pattern[64];
    snprintf(pattern, sizeof pattern, "\"%s\": ", key);
    const char *place = find(json, num_bytes, pattern);
    if (!place) return NULL;
    place += strlen(pattern);
    *rest = num_bytes - (size_t)(place - json);
    return place;
}

const char *metadata_problem(const void *content, size_t num_bytes) {
    const char *bytes = content;
    if (num_bytes < 8 || memcmp(bytes + 4, "TFL3", 4) != 0) return "expected a .tflite file. Received: another one";
    size_t rest;
    const char *digest = value_of(bytes, num_bytes, "sha256", &rest);
    if (!digest || rest < SHA256_HEX + 2) {
        return "expected a .tflite file made by `python -m export`. Received: one without its SHA-256";
    }
    digest++; /* the quotation mark */
    char zeros[SHA256_HEX], found[SHA256_HEX + 1];
    memset(zeros, '0', sizeof zeros);
    Sha256 sha;
    sha256_begin(&sha);
    sha256_add(&sha, bytes, (size_t)(digest - bytes));
    sha256_add(&sha, zeros, sizeof zeros);
    sha256_add(&sha, digest + SHA256_HEX, rest - 1 - SHA256_HEX);
    sha256_end(&sha, found);
    if (memcmp(digest, found, SHA256_HEX) == 0) return NULL;
    return "the .tflite file is damaged (its SHA-256 is not the one it carries)";
}

long metadata_number(const char *json, size_t num_bytes, const char *key) {
    size_t rest;
    const char *digit = value_of(json, num_bytes, key, &rest);
    if (!digit || rest == 0 || *digit < '0' || *digit > '9') return -1;
    long number = 0;
    for (; rest > 0 && *digit >= '0' && *digit <= '9' && number < 100000000; digit++, rest--) {
        number = 10 * number + (*digit - '0');
    }
    return number;
}

bool metadata_says(const char *json, size_t num_bytes, const char *key, const char *text) {
    size_t rest, length = strlen(text);
    const char *value = value_of(json, num_bytes, key, &rest);
    return value && rest >= length + 2 && value[0] == '"' && memcmp(value + 1, text, length) == 0 &&
           value[length + 1] == '"';
}
