#include "ring.h"

#include <stdlib.h>
#include <string.h>

bool ring_open(Ring *ring, size_t capacity, size_t num_channels) {
    ring->frames = calloc(capacity * num_channels, sizeof *ring->frames);
    ring->capacity = capacity;
    ring->num_channels = num_channels;
    atomic_init(&ring->written, 0);
    atomic_init(&ring->taken, 0);
    return ring->frames;
}

void ring_close(Ring *ring) {
    free(ring->frames);
    ring->frames = NULL;
}

size_t ring_free(const Ring *ring) {
    return ring->capacity - (atomic_load_explicit(&ring->written, memory_order_relaxed) -
                             atomic_load_explicit(&ring->taken, memory_order_acquire));
}

size_t ring_available(const Ring *ring) {
    return atomic_load_explicit(&ring->written, memory_order_acquire) -
           atomic_load_explicit(&ring->taken, memory_order_relaxed);
}

/* Where `position` lies, and how many of `count` frames are there before the memory's end. */
static float *place(const Ring *ring, size_t position, size_t count, size_t *before_end) {
    size_t start = position & (ring->capacity - 1), left = ring->capacity - start;
    *before_end = count < left ? count : left;
    return ring->frames + start * ring->num_channels;
}

void ring_write(Ring *ring, const float *frames, size_t count) {
    size_t first, position = atomic_load_explicit(&ring->written, memory_order_relaxed);
    size_t frame_bytes = ring->num_channels * sizeof *frames;
    float *start = place(ring, position, count, &first);
    memcpy(start, frames, first * frame_bytes);
    memcpy(ring->frames, frames + first * ring->num_channels, (count - first) * frame_bytes);
    atomic_store_explicit(&ring->written, position + count, memory_order_release);
}

void ring_read(Ring *ring, float *frames, size_t count) {
    size_t first, position = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    size_t frame_bytes = ring->num_channels * sizeof *frames;
    const float *start = place(ring, position, count, &first);
    memcpy(frames, start, first * frame_bytes);
    memcpy(frames + first * ring->num_channels, ring->frames, (count - first) * frame_bytes);
    atomic_store_explicit(&ring->taken, position + count, memory_order_release);
}

void ring_skip(Ring *ring, size_t count) {
    size_t position = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    atomic_store_explicit(&ring->taken, position + count, memory_order_release);
}
