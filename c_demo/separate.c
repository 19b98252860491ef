/*
 * separate MODEL.tflite IN.f32 VOCALS.f32 ACCOMPANIMENT.f32
 *
 * Separates raw audio: interleaved little-endian float32 at the model's sample rate and channels, stereo at 44.1 kHz.
 * The outputs have the input's length and are aligned to it to the sample.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "step_model.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "samples are read and written as they lie in memory"
#endif

/* A file that is written beside its target and takes its place when it is complete. */
typedef struct {
    const char *path;
    char *part;
    FILE *file;
} Output;

static bool complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("separate: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return false;
}

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool output_open(Output *output, const char *path, const struct stat *input) {
    struct stat target;
    output->path = path;
    if (stat(path, &target) == 0) {
        if (!S_ISREG(target.st_mode)) return complain("%s: cannot write: it is there and not a file", path);
        if (same_file(&target, input)) return complain("%s: cannot write: it is the input", path);
    }
    size_t size = strlen(path) + 32;
    char *part = malloc(size);
    if (!part) return complain("%s: not enough memory", path);
    snprintf(part, size, "%s.%ld.part", path, (long)getpid());
    output->file = fopen(part, "wbx"); /* x: never somebody else's */
    if (!output->file) {
        complain("%s: cannot write: %s", path, strerror(errno));
        free(part);
        return false;
    }
    output->part = part;
    return true;
}

static bool output_write(Output *output, const float *values, size_t count) {
    if (fwrite(values, sizeof *values, count, output->file) == count) return true;
    return complain("%s: cannot write: %s", output->path, strerror(errno));
}

static bool output_finish(Output *output) {
    FILE *file = output->file;
    output->file = NULL;
    return fclose(file) == 0 || complain("%s: cannot write: %s", output->path, strerror(errno));
}

static bool output_commit(Output *output) {
    if (rename(output->part, output->path) != 0) {
        return complain("%s: cannot write: %s", output->path, strerror(errno));
    }
    free(output->part);
    output->part = NULL;
    return true;
}

/* Leaves no trace of what was not committed. */
static void output_close(Output *output) {
    if (output->file) fclose(output->file);
    if (output->part) {
        unlink(output->part);
        free(output->part);
    }
}

/* Reads up to one step; zeros stand where the input is at its end. */
static bool read_step(StepModel *model, FILE *input, const char *path, size_t *num_samples, bool *ended) {
    size_t sample_bytes = model->spec.num_channels * sizeof(float);
    size_t step_bytes = model->spec.frame_step * sample_bytes;
    size_t num_bytes = *ended ? 0 : fread(model->samples, 1, step_bytes, input);
    if (num_bytes < step_bytes) {
        if (ferror(input)) return complain("%s: cannot read: %s", path, strerror(errno));
        if (num_bytes % sample_bytes != 0) {
            return complain("%s: expected samples of %zu bytes. Received: %zu bytes at the end", path, sample_bytes,
                            num_bytes % sample_bytes);
        }
        *ended = true;
        memset((char *)model->samples + num_bytes, 0, step_bytes - num_bytes);
    }
    *num_samples = num_bytes / sample_bytes;
    return true;
}

static bool separate(StepModel *model, FILE *input, const char *path, Output outputs[NUM_STEMS]) {
    const StreamSpec *spec = &model->spec;
    size_t late = spec->frame_length - spec->frame_step; /* what comes out before the first sample of a stem */
    uint64_t received = 0, sent = 0;
    bool ended = false;
    for (;;) {
        size_t num_samples = 0;
        if (!read_step(model, input, path, &num_samples, &ended)) return false;
        received += num_samples;
        if (ended && sent == received) return true;
        if (!step_model_run(model)) return complain("%s: LiteRT failed at sample %ju", path, (uintmax_t)received);
        size_t skip = late < spec->frame_step ? late : spec->frame_step;
        size_t count = spec->frame_step - skip;
        if (count > received - sent) count = (size_t)(received - sent);
        late -= skip;
        sent += count;
        for (int stem = 0; stem < NUM_STEMS; stem++) {
            const float *first = model->stems[stem] + skip * spec->num_channels;
            if (!output_write(&outputs[stem], first, count * spec->num_channels)) return false;
        }
    }
}

static bool run(StepModel *model, Output outputs[NUM_STEMS], char **arguments) {
    const char *path = strcmp(arguments[1], "-") == 0 ? "standard input" : arguments[1];
    FILE *input = strcmp(arguments[1], "-") == 0 ? stdin : fopen(path, "rb");
    struct stat status;
    if (!input || fstat(fileno(input), &status) != 0) return complain("%s: cannot read: %s", path, strerror(errno));
    char problem[STEP_MODEL_PROBLEM];
    if (strcmp(arguments[2], arguments[3]) == 0) return complain("%s: expected two different outputs", arguments[2]);
    bool done = (step_model_open(model, arguments[0], problem) || complain("%s", problem)) &&
                output_open(&outputs[VOCALS], arguments[2], &status) &&
                output_open(&outputs[ACCOMPANIMENT], arguments[3], &status) &&
                separate(model, input, path, outputs) &&
                output_finish(&outputs[VOCALS]) && output_finish(&outputs[ACCOMPANIMENT]) &&
                output_commit(&outputs[VOCALS]) && output_commit(&outputs[ACCOMPANIMENT]);
    fclose(input);
    if (done && model->recoveries > 0) {
        complain("%s: %ld steps were not finite and are silent in the stems", path, model->recoveries);
    }
    return done;
}

int main(int count, char **arguments) {
    if (count != 5) {
        fputs("usage: separate MODEL.tflite IN.f32 VOCALS.f32 ACCOMPANIMENT.f32  (IN.f32 may be -)\n", stderr);
        return 2;
    }
    StepModel model = {.runtime = NULL};
    Output outputs[NUM_STEMS] = {{.file = NULL}};
    bool done = run(&model, outputs, arguments + 1);
    for (int stem = 0; stem < NUM_STEMS; stem++) output_close(&outputs[stem]);
    step_model_close(&model);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
