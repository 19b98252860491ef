#define _POSIX_C_SOURCE 200809L
#include "worker.h"

#include <sched.h>
#include <time.h>

enum { PRIORITY = 3 }; /* real-time, but behind audio threads: JACK's clients have 5, PipeWire's more */

static void *loop(void *argument) {
    Worker *worker = argument;
    const struct timespec pause = {.tv_nsec = WORKER_SLEEP_MS * 1000000L};
    for (;;) {
        pthread_mutex_lock(&worker->mutex);
        while (!worker->busy && !worker->quit) pthread_cond_wait(&worker->changed, &worker->mutex);
        bool quit = worker->quit;
        if (!quit) worker->work(worker->context);
        pthread_mutex_unlock(&worker->mutex);
        if (quit) return NULL;
        nanosleep(&pause, NULL);
    }
}

bool worker_start(Worker *worker, void (*work)(void *context), void *context) {
    *worker = (Worker){.work = work, .context = context};
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->changed, NULL);
    worker->started = pthread_create(&worker->thread, NULL, loop, worker) == 0;
    if (worker->started) {
        /* Where that is not allowed, it is an ordinary thread. */
        struct sched_param parameters = {.sched_priority = PRIORITY};
        pthread_setschedparam(worker->thread, SCHED_FIFO, &parameters);
    }
    return worker->started;
}

static void set(Worker *worker, bool *flag, bool value) {
    pthread_mutex_lock(&worker->mutex);
    *flag = value;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

void worker_stop(Worker *worker) {
    if (worker->started) {
        set(worker, &worker->quit, true);
        pthread_join(worker->thread, NULL);
    }
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->mutex);
}

void worker_set_busy(Worker *worker, bool busy) { set(worker, &worker->busy, busy); }

void worker_work_now(Worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    worker->work(worker->context);
    pthread_mutex_unlock(&worker->mutex);
}

void worker_lock(Worker *worker) { pthread_mutex_lock(&worker->mutex); }

void worker_unlock(Worker *worker) { pthread_mutex_unlock(&worker->mutex); }
