/*
 * time_steps MODEL.tflite IN.f32
 *
 * What a step takes here, over a raw file: median and 99th percentile, in ms.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "step_model.h"

enum { MAX_STEPS = 100000, WARM_UP = 50 };

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int count, char **arguments) {
    static double took_ms[MAX_STEPS];
    FILE *input = count == 3 ? fopen(arguments[2], "rb") : NULL;
    if (!input) {
        fputs("usage: time_steps MODEL.tflite IN.f32\n", stderr);
        return 2;
    }
    StepModel model;
    char problem[STEP_MODEL_PROBLEM];
    size_t steps = 0;
    bool good = step_model_open(&model, arguments[1], problem);
    if (!good) fprintf(stderr, "time_steps: %s\n", problem);
    size_t step_values = model.spec.frame_step * model.spec.num_channels;
    while (good && steps < MAX_STEPS && fread(model.samples, sizeof(float), step_values, input) == step_values) {
        double start = now_ms();
        good = step_model_run(&model);
        took_ms[steps++] = now_ms() - start;
    }
    step_model_close(&model);
    fclose(input);
    if (steps > WARM_UP) {
        double *warm = took_ms + WARM_UP;
        size_t num_warm = steps - WARM_UP;
        qsort(warm, num_warm, sizeof *warm, ascending);
        double step_ms = 1e3 * (double)model.spec.frame_step / (double)model.spec.sample_rate;
        printf("steps %zu  p50 %.4f ms  p99 %.4f ms  of %.4f ms\n", num_warm, warm[num_warm / 2],
               warm[num_warm * 99 / 100], step_ms);
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
