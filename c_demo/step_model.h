/*
 * A waveform graph as a step, run by LiteRT: samples in, stems out, states carried from call to call.
 *
 * For use from one thread at a time. Copy this file, metadata, sha256 and LiteRT's headers into an application.
 */
#ifndef KERAS_SEP_STEP_MODEL_H_
#define KERAS_SEP_STEP_MODEL_H_

#include <stdbool.h>
#include <stddef.h>

enum { VOCALS, ACCOMPANIMENT, NUM_STEMS };
enum { STEP_MODEL_PROBLEM = 512 }; /* bytes of a message */

typedef struct {
    size_t sample_rate, num_channels;
    size_t frame_length, frame_step; /* samples; a stem lags frame_length - frame_step behind its step */
} StreamSpec;

typedef struct {
    StreamSpec spec;
    float *samples;                /* the next step's input (frame_step, num_channels), full scale ±1 */
    const float *stems[NUM_STEMS]; /* the last step's outputs, each of the same shape */
    long recoveries;               /* steps undone since the file was opened: see step_model_run */
    struct StepModelRuntime *runtime;
} StepModel;

/* Opens a file; false with a line in `problem` if it cannot be used. Closing is due in both cases. */
bool step_model_open(StepModel *model, const char *path, char problem[STEP_MODEL_PROBLEM]);

/* One step, from `samples` to `stems`; false if LiteRT failed, which it does not on files that it opened.
 *
 * As in keras_sep/runtime.py: a state that is not finite would stay so for ever. A step with NaN, infinity or numbers
 * beyond all music (about 1e18) in its input, a state or an output is undone: it gives silence, and the next one starts
 * from zero states. */
bool step_model_run(StepModel *model);

/* Forgets everything heard so far. */
void step_model_reset(StepModel *model);

void step_model_close(StepModel *model);

#endif
