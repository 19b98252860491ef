/* A number that moves to its target in a straight line, sample by sample. */
#ifndef KERAS_SEP_RAMP_H_
#define KERAS_SEP_RAMP_H_

#include <stddef.h>

typedef struct {
    float value, target;
    size_t left; /* samples until the target is reached */
} Ramp;

static inline void ramp_jump(Ramp *ramp, float target) { *ramp = (Ramp){target, target, 0}; }

static inline void ramp_aim(Ramp *ramp, float target, size_t num_samples) {
    if (target == ramp->target) return;
    ramp->target = target;
    ramp->left = num_samples;
}

static inline float ramp_next(Ramp *ramp) {
    if (ramp->left > 0) {
        ramp->value += (ramp->target - ramp->value) / (float)ramp->left;
        if (--ramp->left == 0) ramp->value = ramp->target;
    }
    return ramp->value;
}

#endif
