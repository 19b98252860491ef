/*
 * A stream at another sample rate, aligned to the first sample: frame i of the output is at the input's time
 * i · rate_in / rate_out, and comes out as soon as its filter's input is there.
 *
 * The filter is speexdsp's at quality 7: 99 dB SNR up to 19 kHz there and back, and 1.5 ms late in each direction.
 * soxr, which resamples in Python, holds back up to 20 ms in each direction.
 */
#ifndef KERAS_SEP_RESAMPLER_H_
#define KERAS_SEP_RESAMPLER_H_

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    unsigned int rate_in, rate_out, num_channels;
    struct SpeexResamplerState_ *state; /* NULL where the rates are equal and frames are copied */
} Resampler;

/* False if there is not enough memory. Closing is due in both cases. */
bool resampler_open(Resampler *resampler, unsigned int rate_in, unsigned int rate_out, unsigned int num_channels);
void resampler_close(Resampler *resampler);

/* Goes back to the first sample of a new stream. */
void resampler_reset(Resampler *resampler);

/* Input frames behind its time that an output frame may need. */
size_t resampler_lookahead(const Resampler *resampler);

/* Takes up to *num_in interleaved frames and gives up to `capacity`; returns how many, and in *num_in those taken. */
size_t resampler_process(Resampler *resampler, const float *in, size_t *num_in, float *out, size_t capacity);

#endif
