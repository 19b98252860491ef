/* SHA-256, so that a damaged file is noticed without another library. */
#ifndef KERAS_SEP_SHA256_H_
#define KERAS_SEP_SHA256_H_

#include <stddef.h>
#include <stdint.h>

enum { SHA256_HEX = 64 }; /* digits of a digest */

typedef struct {
    uint32_t hash[8];
    uint64_t num_bytes;
    unsigned char block[64];
} Sha256;

void sha256_begin(Sha256 *sha);
void sha256_add(Sha256 *sha, const void *data, size_t num_bytes);
void sha256_end(Sha256 *sha, char hex[SHA256_HEX + 1]);

#endif
