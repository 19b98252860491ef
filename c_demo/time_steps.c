/*
 * time_steps MODEL.tflite IN.f32
 *
 * Prints the nanoseconds of every step over a raw file, one a line.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "step_model.h"

int main(int count, char **arguments) {
    StepModel model;
    char problem[STEP_MODEL_PROBLEM];
    FILE *input = count == 3 ? fopen(arguments[2], "rb") : NULL;
    if (!input) {
        fputs("usage: time_steps MODEL.tflite IN.f32\n", stderr);
        return 2;
    }
    bool opened = step_model_open(&model, arguments[1], problem);
    if (!opened) fprintf(stderr, "time_steps: %s\n", problem);
    size_t step_values = model.spec.frame_step * model.spec.num_channels;
    while (opened && fread(model.samples, sizeof(float), step_values, input) == step_values) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        if (!step_model_run(&model)) return EXIT_FAILURE;
        clock_gettime(CLOCK_MONOTONIC, &end);
        printf("%ld\n", (end.tv_sec - start.tv_sec) * 1000000000L + (end.tv_nsec - start.tv_nsec));
    }
    step_model_close(&model);
    fclose(input);
    return opened ? EXIT_SUCCESS : EXIT_FAILURE;
}
