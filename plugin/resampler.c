#include "resampler.h"

#include <speex/speex_resampler.h>
#include <string.h>

enum { QUALITY = 7, MOST_CHANNELS = 4, FED = 64, GIVEN = 2048 };

bool resampler_open(Resampler *resampler, unsigned int rate_in, unsigned int rate_out, unsigned int num_channels) {
    *resampler = (Resampler){rate_in, rate_out, num_channels, NULL};
    if (rate_in == rate_out) return true;
    resampler->state = speex_resampler_init(num_channels, rate_in, rate_out, QUALITY, NULL);
    if (!resampler->state) return false;
    speex_resampler_skip_zeros(resampler->state);
    return true;
}

void resampler_close(Resampler *resampler) {
    if (resampler->state) speex_resampler_destroy(resampler->state);
    resampler->state = NULL;
}

void resampler_reset(Resampler *resampler) {
    if (!resampler->state) return;
    /* speexdsp clears what the first channel remembers, and of the others only a part: silence takes its place. */
    static const float silence[FED * MOST_CHANNELS];
    float dropped[GIVEN * MOST_CHANNELS];
    for (size_t left = 2 * resampler_lookahead(resampler); left > 0;) {
        size_t fed = left < FED ? left : FED;
        resampler_process(resampler, silence, &fed, dropped, GIVEN);
        left -= fed;
    }
    speex_resampler_reset_mem(resampler->state);
    speex_resampler_skip_zeros(resampler->state);
}

size_t resampler_lookahead(const Resampler *resampler) {
    return resampler->state ? (size_t)speex_resampler_get_input_latency(resampler->state) + 1 : 0;
}

size_t resampler_process(Resampler *resampler, const float *in, size_t *num_in, float *out, size_t capacity) {
    if (!resampler->state) {
        if (*num_in > capacity) *num_in = capacity;
        memcpy(out, in, *num_in * resampler->num_channels * sizeof *out);
        return *num_in;
    }
    spx_uint32_t taken = (spx_uint32_t)*num_in, given = (spx_uint32_t)capacity;
    speex_resampler_process_interleaved_float(resampler->state, in, &taken, out, &given);
    *num_in = taken;
    return given;
}
