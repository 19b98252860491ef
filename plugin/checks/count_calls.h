/*
 * Counts what a real-time thread must not call, and times the network's steps.
 *
 * The host's own definitions of these functions come before those of the C library and of LiteRT.
 */
#ifndef KERAS_SEP_COUNT_CALLS_H_
#define KERAS_SEP_COUNT_CALLS_H_

#include <stddef.h>

typedef struct {
    unsigned long memory;       /* malloc, calloc, realloc, free and the aligned ones */
    unsigned long locks;        /* of mutexes, condition variables and semaphores: lock, signal, wait */
    unsigned long system_calls; /* at most one is counted between a begin and its end */
} Calls;

/* Whether system calls can be counted here: on Linux 5.11 or newer, x86-64. */
int count_system_calls(void);

/* The calling thread's calls between the two are added to `calls`. */
void count_begin(void);
void count_end(Calls *calls);

/* Makes every step of the network take longer, as on a slow machine. */
void count_delay_steps(int milliseconds);

/* Times of the network's steps so far, ms; returns how many there are in `times`. */
size_t count_step_times(const double **times);

#endif
