/*
 * The plugin without a plugin format: a stereo mixture in, the mix of its stems out, in a host's blocks.
 *
 * `engine_run` belongs to the host's audio thread. It takes no lock, allocates no memory and makes no system call: it
 * moves samples to and from rings, mixes and fades. The network runs in a worker thread. Only with `freewheel`, for
 * exports, `engine_run` computes the network itself, so that the output does not depend on anybody's timing.
 */
#ifndef KERAS_SEP_ENGINE_H_
#define KERAS_SEP_ENGINE_H_

#include <stdbool.h>
#include <stddef.h>

#include "step_model.h"

enum { ENGINE_PATH = 4096 };                      /* bytes of a model's path with its end */
enum { ENGINE_MIN_DB = -60, ENGINE_MAX_DB = 12 }; /* ENGINE_MIN_DB is silence */

typedef struct Engine Engine;

typedef struct {
    float voice_db, accompaniment_db; /* ENGINE_MIN_DB to ENGINE_MAX_DB */
    bool enabled;                     /* if not, the mixture is heard, as late as the stems */
    bool freewheel;                   /* compute within the call */
} EngineControls;

/* A host's buffers of one channel each. Outputs may be the inputs' memory. */
typedef struct {
    const float *in[2];
    float *out[2];
    float *voice[2], *accompaniment[2]; /* the stems at 0 dB; NULL where nobody wants them */
} EngineBuffers;

/* Loads a model for a sample rate in Hz, and prepares for blocks of `block` frames; larger ones make the latency grow
 * when they come. NULL with a line in `problem`. */
Engine *engine_open(double sample_rate, size_t block, const char *model, char problem[STEP_MODEL_PROBLEM]);
void engine_close(Engine *engine);

/* Begins a new stream; ends it. Not while `engine_run` runs. */
void engine_activate(Engine *engine);
void engine_deactivate(Engine *engine);

void engine_run(Engine *engine, const EngineControls *controls, const EngineBuffers *buffers, size_t count);

/* Audio thread: frames by which the outputs lag behind the inputs; how often stems came too late since opening. */
size_t engine_latency(const Engine *engine);
unsigned long engine_underruns(const Engine *engine);

/* Audio thread: asks for another model, which begins a new stream after a moment of silence; one that cannot be used
 * leaves the present one. False if one is being loaded or the path of `length` bytes is too long. */
bool engine_request_model(Engine *engine, const char *path, size_t length);
/* Audio thread: true once after each request that was served. */
bool engine_model_served(Engine *engine);
/* Audio thread: the present model's path. NULL while another one is being loaded. */
const char *engine_model(const Engine *engine);

/* Not while `engine_run` runs: loads a model; false with a line in `problem`, and the present one stays. */
bool engine_load_model(Engine *engine, const char *path, char problem[STEP_MODEL_PROBLEM]);
/* Any thread but the audio thread. */
void engine_copy_model(Engine *engine, char path[ENGINE_PATH]);

#endif
