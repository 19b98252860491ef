/*
 * A thread that does a host's work beside its audio thread: it looks for work every few milliseconds, because waking
 * it would be a system call of the audio thread's.
 */
#ifndef KERAS_SEP_WORKER_H_
#define KERAS_SEP_WORKER_H_

#include <pthread.h>
#include <stdbool.h>

enum { WORKER_SLEEP_MS = 2 }; /* the longest that work lies before it is seen, but for the system's own delays */

typedef struct {
    void (*work)(void *context); /* does what there is to do, and returns */
    void *context;
    pthread_t thread;
    pthread_mutex_t mutex; /* held during `work` */
    pthread_cond_t changed;
    bool started, busy, quit; /* busy: the thread looks for work */
} Worker;

/* Starts the thread, asleep; false if the system has none. Stopping is due in both cases. */
bool worker_start(Worker *worker, void (*work)(void *context), void *context);
void worker_stop(Worker *worker);

/* Lets the thread look for work, or lets it sleep; it is not within `work` when this returns. */
void worker_set_busy(Worker *worker, bool busy);

/* Does the work here and now, in the caller's thread: never in a real-time thread, as it waits for the other one. */
void worker_work_now(Worker *worker);

/* Excludes the thread's work. */
void worker_lock(Worker *worker);
void worker_unlock(Worker *worker);

#endif
