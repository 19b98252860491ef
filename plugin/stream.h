/*
 * Separation of a stream at the host's sample rate: resampled to the model's, separated step by step, resampled back.
 * Knows nothing of threads.
 */
#ifndef KERAS_SEP_STREAM_H_
#define KERAS_SEP_STREAM_H_

#include <stdbool.h>
#include <stddef.h>

#include "resampler.h"
#include "ring.h"
#include "step_model.h"

enum { NUM_CHANNELS = 2, STEM_CHANNELS = NUM_STEMS * NUM_CHANNELS }; /* of a stems' frame: voice, accompaniment */

typedef struct {
    unsigned int sample_rate; /* the host's, Hz */
    StepModel model;
    Resampler to_model, to_host;
    size_t filled; /* frames of the model's next step that are there */
    size_t late;   /* frames before the song's first that the model still gives */
    float *stems;  /* (frame_step, STEM_CHANNELS): the last step's */
} Stream;

/* Opens a model for a host's sample rate; false with a line in `problem`. Closing is due in both cases. */
bool stream_open(Stream *stream, unsigned int sample_rate, const char *path, char problem[STEP_MODEL_PROBLEM]);
void stream_close(Stream *stream);

/* Forgets the past: the next frame is a new stream's first. */
void stream_reset(Stream *stream);

/* Host frames by which the stems lag behind the mixture at most: frame i of the stems is there as soon as
 * i + stream_latency frames of the mixture are. */
size_t stream_latency(const Stream *stream);

/* Separates what `mixture` (2 channels) holds, into `stems` (STEM_CHANNELS), aligned to the sample, while they fit. */
void stream_process(Stream *stream, Ring *mixture, Ring *stems);

#endif
