#include "stream.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256 };    /* host frames taken from a ring at a time */
enum { MAX_RATIO = 32 }; /* of the sample rates */

static size_t at_host(const Stream *stream, size_t model_frames) {
    double ratio = (double)stream->sample_rate / (double)stream->model.spec.sample_rate;
    return (size_t)ceil((double)model_frames * ratio);
}

bool stream_open(Stream *stream, unsigned int sample_rate, const char *path, char problem[STEP_MODEL_PROBLEM]) {
    *stream = (Stream){.sample_rate = sample_rate};
    if (!step_model_open(&stream->model, path, problem)) return false;
    const StreamSpec *spec = &stream->model.spec;
    if (spec->num_channels != NUM_CHANNELS) {
        snprintf(problem, STEP_MODEL_PROBLEM, "%.400s: expected a stereo model. Received: %zu channels", path,
                 spec->num_channels);
        return false;
    }
    if (sample_rate > MAX_RATIO * spec->sample_rate) {
        snprintf(problem, STEP_MODEL_PROBLEM, "%.400s: expected a model of at least %u Hz. Received: %zu Hz", path,
                 sample_rate / MAX_RATIO, spec->sample_rate);
        return false;
    }
    unsigned int model_rate = (unsigned int)spec->sample_rate;
    stream->stems = malloc(spec->frame_step * STEM_CHANNELS * sizeof *stream->stems);
    if (!stream->stems || !resampler_open(&stream->to_model, sample_rate, model_rate, NUM_CHANNELS) ||
        !resampler_open(&stream->to_host, model_rate, sample_rate, STEM_CHANNELS)) {
        snprintf(problem, STEP_MODEL_PROBLEM, "not enough memory");
        return false;
    }
    /* The first step takes longer than the others. */
    memset(stream->model.samples, 0, spec->frame_step * NUM_CHANNELS * sizeof *stream->model.samples);
    if (!step_model_run(&stream->model)) {
        snprintf(problem, STEP_MODEL_PROBLEM, "%.400s: LiteRT cannot run the model", path);
        return false;
    }
    stream_reset(stream);
    return true;
}

void stream_close(Stream *stream) {
    step_model_close(&stream->model);
    resampler_close(&stream->to_model);
    resampler_close(&stream->to_host);
    free(stream->stems);
    stream->stems = NULL;
}

void stream_reset(Stream *stream) {
    step_model_reset(&stream->model);
    resampler_reset(&stream->to_model);
    resampler_reset(&stream->to_host);
    stream->filled = 0;
    stream->late = stream->model.spec.frame_length - stream->model.spec.frame_step;
}

size_t stream_latency(const Stream *stream) {
    size_t behind = resampler_lookahead(&stream->to_host) + stream->model.spec.frame_length;
    return resampler_lookahead(&stream->to_model) + at_host(stream, behind);
}

/* The last step's stems, interleaved. */
static void step(Stream *stream) {
    size_t frame_step = stream->model.spec.frame_step;
    if (!step_model_run(&stream->model)) {
        memset(stream->stems, 0, frame_step * STEM_CHANNELS * sizeof *stream->stems);
        return;
    }
    for (size_t i = 0; i < frame_step; i++) {
        for (size_t k = 0; k < STEM_CHANNELS; k++) {
            stream->stems[i * STEM_CHANNELS + k] =
                stream->model.stems[k / NUM_CHANNELS][i * NUM_CHANNELS + k % NUM_CHANNELS];
        }
    }
}

static void give(Stream *stream, Ring *stems) {
    float resampled[CHUNK * STEM_CHANNELS];
    size_t place = stream->late, left = stream->model.spec.frame_step;
    if (place > left) place = left;
    stream->late -= place;
    left -= place;
    while (left > 0) {
        size_t count = left;
        size_t given =
            resampler_process(&stream->to_host, stream->stems + place * STEM_CHANNELS, &count, resampled, CHUNK);
        ring_write(stems, resampled, given);
        place += count;
        left -= count;
    }
}

void stream_process(Stream *stream, Ring *mixture, Ring *stems) {
    float taken[CHUNK * NUM_CHANNELS];
    size_t frame_step = stream->model.spec.frame_step;
    size_t most = at_host(stream, frame_step) + 2; /* host frames of a step's stems */
    for (;;) {
        size_t available = ring_available(mixture);
        size_t count = available < CHUNK ? available : CHUNK;
        /* One chunk of the host's may fill more than one step where its rate is the lower one. */
        size_t steps = 1 + count * stream->model.spec.sample_rate / stream->sample_rate / frame_step + 1;
        if (count == 0 || ring_free(stems) < steps * most) return;
        ring_read(mixture, taken, count);
        for (size_t place = 0; place < count;) {
            size_t used = count - place;
            float *free_samples = stream->model.samples + stream->filled * NUM_CHANNELS;
            stream->filled += resampler_process(&stream->to_model, taken + place * NUM_CHANNELS, &used, free_samples,
                                                frame_step - stream->filled);
            place += used;
            if (stream->filled == frame_step) {
                step(stream);
                give(stream, stems);
                stream->filled = 0;
            }
        }
    }
}
