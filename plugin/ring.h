/*
 * Frames of sound from one writer thread to one reader thread, without a lock.
 *
 * Each counter has a single writer: a counter that is read late errs on the safe side.
 */
#ifndef KERAS_SEP_RING_H_
#define KERAS_SEP_RING_H_

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    float *frames;                     /* (capacity, num_channels), interleaved */
    size_t capacity, num_channels;     /* capacity: frames, a power of two */
    alignas(64) atomic_size_t written; /* frames since the ring was opened, moved by the writer */
    alignas(64) atomic_size_t taken;   /* likewise, moved by the reader */
} Ring;

/* False if there is not enough memory. Closing is due in both cases. */
bool ring_open(Ring *ring, size_t capacity, size_t num_channels);
void ring_close(Ring *ring);

/* Writer: frames that fit; adds `count` of them, which must fit. */
size_t ring_free(const Ring *ring);
void ring_write(Ring *ring, const float *frames, size_t count);

/* Reader: frames that are there; takes or drops the oldest `count` of them, which must be there. */
size_t ring_available(const Ring *ring);
void ring_read(Ring *ring, float *frames, size_t count);
void ring_skip(Ring *ring, size_t count);

#endif
