#include "engine.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ramp.h"
#include "ring.h"
#include "stream.h"
#include "worker.h"

enum { CAPACITY = 1 << 16 };    /* frames of a ring and of the delay line */
enum { LARGEST_BLOCK = 16384 }; /* frames that the latency grows for */
enum { CHUNK = 1024 };          /* frames that are handled at a time */
enum { JITTER_MS = 20 };        /* how late the worker may be: its sleep, its step, the system's delays */
enum { RAMP_MS = 20, FADE_MS = 5 };
enum { MIN_RATE = 8000, MAX_RATE = 192000 };

struct Engine {
    /* Both threads'. A restart begins a new stream: the audio thread counts `wanted` up and leaves the rings alone
     * until the worker has made `done` the same number. `request` and `served` belong to it. */
    Ring mixture, stems;
    atomic_uint wanted, done;
    struct {
        char model[ENGINE_PATH]; /* empty: the present one */
    } request;
    struct {
        char model[ENGINE_PATH];
        size_t latency;
    } served;

    /* The worker's, within `work`. */
    Worker worker;
    bool has_worker; /* to be stopped */
    Stream stream;
    char problem[STEP_MODEL_PROBLEM]; /* empty: the last request was served */

    /* The audio thread's. */
    size_t sample_rate, block, latency;
    bool waiting, requested, model_served; /* for a restart; whether that loads a model; see engine_model_served */
    bool fresh;                            /* the stream's controls are not yet known: no ramps */
    size_t lead;                           /* frames of silence until the stems' first */
    size_t debt;                           /* frames of stems that come too late, and are dropped */
    bool starved;                          /* stems were missing in the last chunk */
    unsigned long underruns;
    float presence, hold;      /* gain of the stems, and of the last frame before a gap */
    float held[STEM_CHANNELS]; /* that frame */
    float last[STEM_CHANNELS]; /* the last frame that was played */
    float fade;                /* what the two gains change in one sample */
    size_t ramp;               /* samples */
    float voice_db, accompaniment_db;
    Ramp voice, accompaniment, bypass;
    float *delay_line; /* (CAPACITY, NUM_CHANNELS) of the mixture */
    size_t position;   /* frames that went into it */
    float mixture_chunk[CHUNK * NUM_CHANNELS], stems_chunk[CHUNK * STEM_CHANNELS];
};

static size_t buffered(const Engine *engine) { return engine->block + JITTER_MS * engine->sample_rate / 1000; }

/* Worker: replaces the model by another one that can be used. */
static bool load(Engine *engine, const char *path) {
    Stream stream;
    bool good = stream_open(&stream, (unsigned int)engine->sample_rate, path, engine->problem);
    size_t most = LARGEST_BLOCK + JITTER_MS * engine->sample_rate / 1000 + CHUNK; /* on top, in the delay line */
    if (good && stream_latency(&stream) + most > CAPACITY) {
        snprintf(engine->problem, sizeof engine->problem, "%.400s: expected a shorter frame. Received: %zu samples",
                 path, stream.model.spec.frame_length);
        good = false;
    }
    if (!good) {
        stream_close(&stream);
        return false;
    }
    engine->problem[0] = '\0';
    stream_close(&engine->stream);
    engine->stream = stream;
    engine->served.latency = stream_latency(&stream);
    snprintf(engine->served.model, sizeof engine->served.model, "%s", path);
    return true;
}

/* What the worker does, or a freewheeling host's thread. */
static void work(void *context) {
    Engine *engine = context;
    unsigned int wanted = atomic_load_explicit(&engine->wanted, memory_order_acquire);
    if (wanted != atomic_load_explicit(&engine->done, memory_order_relaxed)) {
        if (engine->request.model[0] && !load(engine, engine->request.model)) {
            fprintf(stderr, "keras_sep: %s\n", engine->problem);
        }
        engine->request.model[0] = '\0';
        stream_reset(&engine->stream);
        ring_skip(&engine->mixture, ring_available(&engine->mixture));
        atomic_store_explicit(&engine->done, wanted, memory_order_release);
    }
    stream_process(&engine->stream, &engine->mixture, &engine->stems);
}

Engine *engine_open(double sample_rate, size_t block, const char *model, char problem[STEP_MODEL_PROBLEM]) {
    if (!(sample_rate >= MIN_RATE && sample_rate <= MAX_RATE) || sample_rate != floor(sample_rate)) {
        snprintf(problem, STEP_MODEL_PROBLEM, "expected a sample rate of %d to %d Hz, a whole number. Received: %g",
                 (int)MIN_RATE, (int)MAX_RATE, sample_rate);
        return NULL;
    }
    /* Aligned for the rings' counters, whose alignment is a cache line. */
    Engine *engine = aligned_alloc(alignof(Engine), sizeof *engine);
    if (engine) memset(engine, 0, sizeof *engine);
    if (!engine || !(engine->delay_line = calloc(CAPACITY * NUM_CHANNELS, sizeof(float))) ||
        !ring_open(&engine->mixture, CAPACITY, NUM_CHANNELS) || !ring_open(&engine->stems, CAPACITY, STEM_CHANNELS)) {
        snprintf(problem, STEP_MODEL_PROBLEM, "not enough memory");
        engine_close(engine);
        return NULL;
    }
    engine->sample_rate = (size_t)sample_rate;
    engine->block = block < LARGEST_BLOCK ? block : LARGEST_BLOCK;
    engine->ramp = RAMP_MS * engine->sample_rate / 1000;
    engine->fade = 1000.0f / (float)(FADE_MS * engine->sample_rate);
    engine->has_worker = load(engine, model);
    if (!engine->has_worker) {
        memcpy(problem, engine->problem, STEP_MODEL_PROBLEM);
    } else if (!worker_start(&engine->worker, work, engine)) {
        snprintf(problem, STEP_MODEL_PROBLEM, "the system has no thread for the model");
    } else {
        engine->latency = engine->served.latency + buffered(engine);
        return engine;
    }
    engine_close(engine);
    return NULL;
}

void engine_close(Engine *engine) {
    if (!engine) return;
    if (engine->has_worker) worker_stop(&engine->worker);
    stream_close(&engine->stream);
    ring_close(&engine->mixture);
    ring_close(&engine->stems);
    free(engine->delay_line);
    free(engine);
}

/* The stems go silent from here on: the last frame stays and fades, and what comes next fades in. */
static void begin_gap(Engine *engine) {
    memcpy(engine->held, engine->last, sizeof engine->held);
    engine->hold = 1;
    engine->presence = 0;
}

/* Asks the worker for a new stream. */
static void restart(Engine *engine) {
    if (engine->lead == 0) begin_gap(engine);
    engine->waiting = true;
    atomic_fetch_add_explicit(&engine->wanted, 1, memory_order_release);
}

/* Audio thread: the worker has begun a new stream; so does this side. */
static void begin(Engine *engine) {
    ring_skip(&engine->stems, ring_available(&engine->stems));
    engine->latency = engine->served.latency + buffered(engine);
    engine->lead = engine->latency;
    engine->debt = 0;
    engine->waiting = engine->starved = false;
    engine->model_served |= engine->requested;
    engine->requested = false;
}

void engine_activate(Engine *engine) {
    worker_lock(&engine->worker);
    atomic_fetch_add(&engine->wanted, 1);
    work(engine);
    worker_unlock(&engine->worker);
    begin(engine);
    engine->fresh = true;
    engine->presence = 1;
    engine->hold = 0;
    memset(engine->last, 0, sizeof engine->last);
    memset(engine->delay_line, 0, CAPACITY * NUM_CHANNELS * sizeof *engine->delay_line);
    worker_set_busy(&engine->worker, true);
}

void engine_deactivate(Engine *engine) { worker_set_busy(&engine->worker, false); }

/* Gain of a control; NaN is silence. */
static float to_gain(float decibels) {
    if (!(decibels > ENGINE_MIN_DB)) return 0;
    return decibels == 0 ? 1 : powf(10, fminf(decibels, ENGINE_MAX_DB) / 20);
}

static void aim(Engine *engine, const EngineControls *controls) {
    float bypass = controls->enabled ? 0 : 1;
    if (engine->fresh || controls->voice_db != engine->voice_db) {
        engine->voice_db = controls->voice_db;
        ramp_aim(&engine->voice, to_gain(controls->voice_db), engine->ramp);
    }
    if (engine->fresh || controls->accompaniment_db != engine->accompaniment_db) {
        engine->accompaniment_db = controls->accompaniment_db;
        ramp_aim(&engine->accompaniment, to_gain(controls->accompaniment_db), engine->ramp);
    }
    ramp_aim(&engine->bypass, bypass, engine->ramp);
    if (engine->fresh) {
        ramp_jump(&engine->voice, engine->voice.target);
        ramp_jump(&engine->accompaniment, engine->accompaniment.target);
        ramp_jump(&engine->bypass, bypass);
        engine->fresh = false;
    }
}

/* Applies the fades to frames of stems; `missing` ones are made of silence. */
static void play(Engine *engine, float *stems, size_t count, bool missing) {
    if (missing) memset(stems, 0, count * STEM_CHANNELS * sizeof *stems);
    for (size_t i = 0; i < count && (engine->hold > 0 || (!missing && engine->presence < 1)); i++) {
        engine->hold = fmaxf(0, engine->hold - engine->fade);
        if (!missing) engine->presence = fminf(1, engine->presence + engine->fade);
        for (size_t k = 0; k < STEM_CHANNELS; k++) {
            float *x = &stems[i * STEM_CHANNELS + k];
            *x = engine->presence * *x + engine->hold * engine->held[k];
        }
    }
    if (count > 0) memcpy(engine->last, stems + (count - 1) * STEM_CHANNELS, sizeof engine->last);
}

/* Gives the mixture to the worker, unless a restart is under way; false then. */
static bool feed(Engine *engine, const float *mixture, size_t count, bool freewheel) {
    if (engine->waiting) {
        if (freewheel) worker_work_now(&engine->worker);
        if (atomic_load_explicit(&engine->done, memory_order_acquire) !=
            atomic_load_explicit(&engine->wanted, memory_order_relaxed)) {
            return false;
        }
        begin(engine);
    } else if (ring_free(&engine->mixture) < count) { /* the worker stands still */
        restart(engine);
        return false;
    }
    ring_write(&engine->mixture, mixture, count);
    if (freewheel) worker_work_now(&engine->worker);
    return true;
}

/* The next frames of the stems, faded where they are missing. */
static void take(Engine *engine, float *stems, size_t count, bool fed) {
    size_t silent = fed && engine->lead < count ? engine->lead : count;
    play(engine, stems, silent, true);
    if (!fed) return;
    engine->lead -= silent;
    stems += silent * STEM_CHANNELS;
    count -= silent;
    if (count == 0) return;

    size_t available = ring_available(&engine->stems);
    size_t late = engine->debt < available ? engine->debt : available;
    ring_skip(&engine->stems, late);
    engine->debt -= late;
    available -= late;
    size_t there = available < count ? available : count;
    if (there > 0) {
        ring_read(&engine->stems, stems, there);
        play(engine, stems, there, false);
    }
    if (there < count) {
        engine->debt += count - there;
        if (there > 0 || !engine->starved) begin_gap(engine);
        engine->underruns += !engine->starved;
        play(engine, stems + there * STEM_CHANNELS, count - there, true);
    }
    engine->starved = there < count;
}

static void run_chunk(Engine *engine, const EngineBuffers *buffers, size_t from, size_t count, bool freewheel) {
    float *mixture = engine->mixture_chunk, *stems = engine->stems_chunk;
    for (size_t i = 0; i < count; i++) {
        float *frame = &engine->delay_line[((engine->position + i) & (CAPACITY - 1)) * NUM_CHANNELS];
        for (size_t c = 0; c < NUM_CHANNELS; c++) frame[c] = mixture[i * NUM_CHANNELS + c] = buffers->in[c][from + i];
    }
    take(engine, stems, count, feed(engine, mixture, count, freewheel));
    for (size_t i = 0; i < count; i++) {
        size_t then = engine->position + i - engine->latency; /* wraps round as CAPACITY does */
        const float *dry = &engine->delay_line[(then & (CAPACITY - 1)) * NUM_CHANNELS];
        const float *voice = &stems[i * STEM_CHANNELS], *accompaniment = voice + NUM_CHANNELS;
        float voice_gain = ramp_next(&engine->voice), accompaniment_gain = ramp_next(&engine->accompaniment);
        float share = ramp_next(&engine->bypass);
        for (size_t c = 0; c < NUM_CHANNELS; c++) {
            float mix = voice_gain * voice[c] + accompaniment_gain * accompaniment[c];
            buffers->out[c][from + i] = share == 0 ? mix : share == 1 ? dry[c] : (1 - share) * mix + share * dry[c];
            if (buffers->voice[c]) buffers->voice[c][from + i] = voice[c];
            if (buffers->accompaniment[c]) buffers->accompaniment[c][from + i] = accompaniment[c];
        }
    }
    engine->position += count;
}

/* Makes room for larger blocks than before: the outputs wait for so much longer. To a power of two, so that a host
 * whose blocks differ does not make it grow again and again. */
static void grow(Engine *engine, size_t block) {
    size_t larger = 1;
    while (larger < block) larger *= 2;
    size_t more = larger - engine->block;
    engine->block = larger;
    engine->latency += more;
    if (engine->waiting) return; /* `begin` will see to it */
    if (engine->lead == 0) begin_gap(engine);
    engine->lead += more;
}

void engine_run(Engine *engine, const EngineControls *controls, const EngineBuffers *buffers, size_t count) {
    if (count == 0) return; /* some hosts ask for the latency like this, with controls that do not count yet */
    aim(engine, controls);
    size_t block = count < LARGEST_BLOCK ? count : LARGEST_BLOCK;
    if (block > engine->block && !controls->freewheel) grow(engine, block);
    for (size_t done = 0; done < count; done += CHUNK) {
        run_chunk(engine, buffers, done, count - done < CHUNK ? count - done : CHUNK, controls->freewheel);
    }
}

size_t engine_latency(const Engine *engine) { return engine->latency; }

unsigned long engine_underruns(const Engine *engine) { return engine->underruns; }

bool engine_request_model(Engine *engine, const char *path, size_t length) {
    if (engine->waiting || length >= sizeof engine->request.model) return false;
    memcpy(engine->request.model, path, length);
    engine->request.model[length] = '\0';
    engine->requested = true;
    restart(engine);
    return true;
}

bool engine_model_served(Engine *engine) {
    bool served = engine->model_served;
    engine->model_served = false;
    return served;
}

const char *engine_model(const Engine *engine) { return engine->waiting ? NULL : engine->served.model; }

bool engine_load_model(Engine *engine, const char *path, char problem[STEP_MODEL_PROBLEM]) {
    worker_lock(&engine->worker);
    engine->request.model[0] = '\0';
    bool good = strlen(path) < ENGINE_PATH && load(engine, path);
    if (!good) snprintf(problem, STEP_MODEL_PROBLEM, "%s", engine->problem);
    if (good) atomic_fetch_add(&engine->wanted, 1);
    work(engine);
    worker_unlock(&engine->worker);
    if (good) {
        if (engine->lead == 0) begin_gap(engine);
        begin(engine);
    }
    return good;
}

void engine_copy_model(Engine *engine, char path[ENGINE_PATH]) {
    worker_lock(&engine->worker);
    memcpy(path, engine->served.model, ENGINE_PATH);
    worker_unlock(&engine->worker);
}
