#define _POSIX_C_SOURCE 200809L
#include "step_model.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "litert.h"
#include "metadata.h"

#define SIGNATURE "step"
#define STATE "state_"

enum { MAX_TENSORS = 32 }; /* inputs, and outputs, of the signature */

static const char *const STEM_NAMES[NUM_STEMS] = {"vocals", "accompaniment"};

/* Memory, and LiteRT's view of it. */
typedef struct {
    float *values;
    size_t count;
    LiteRtTensorBuffer buffer;
} Tensor;

/* Every state has two memories. In even steps the first is read and the second written, in odd steps the other way
 * round: what comes out as new_state_x goes in as state_x, and nothing is copied. */
struct StepModelRuntime {
    void *content;
    LiteRtEnvironment environment;
    LiteRtModel model;
    LiteRtCompiledModel compiled;
    LiteRtParamIndex signature_index, num_inputs, num_outputs;
    LiteRtTensorBuffer inputs[2][MAX_TENSORS], outputs[2][MAX_TENSORS];
    int turn; /* which of the two the next step takes */
    Tensor samples, stems[NUM_STEMS], states[MAX_TENSORS][2];
    size_t num_states;
};

static bool fail(char problem[STEP_MODEL_PROBLEM], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem, STEP_MODEL_PROBLEM, format, arguments);
    va_end(arguments);
    return false;
}

/* Calls a function of LiteRT's; returns with its name if it fails. */
#define TRY(function, ...)                                                                                   \
    do {                                                                                                     \
        LiteRtStatus status = function(__VA_ARGS__);                                                         \
        if (status != kLiteRtStatusOk) return fail(problem, "LiteRT: %s gave status %d", #function, status); \
    } while (0)

/* As LiteRT wants it. */
static void *allocate(size_t num_bytes) {
    size_t unit = LITERT_HOST_MEMORY_BUFFER_ALIGNMENT;
    return aligned_alloc(unit, (num_bytes + unit - 1) / unit * unit);
}

static bool read_file(const char *path, void **content, size_t *num_bytes, char *problem) {
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (!file || fstat(fileno(file), &status) != 0) {
        fail(problem, "cannot read the model: %s", strerror(errno));
    } else if (!S_ISREG(status.st_mode)) {
        fail(problem, "cannot read the model: it is not a file");
    } else {
        *num_bytes = (size_t)status.st_size;
        *content = allocate(*num_bytes + 1);
        if (*content && fread(*content, 1, *num_bytes, file) == *num_bytes) {
            fclose(file);
            return true;
        }
        fail(problem, "cannot read the model: %s", strerror(errno));
    }
    if (file) fclose(file);
    return false;
}

static bool read_spec(LiteRtModel model, StreamSpec *spec, char *problem) {
    const void *metadata;
    size_t size;
    TRY(LiteRtGetModelMetadata, model, METADATA_KEY, &metadata, &size);
    const char *json = metadata;
    long format = metadata_number(json, size, "format");
    if (format != 1) return fail(problem, "expected metadata format 1. Received: %ld", format);
    if (!metadata_says(json, size, "graph", "waveform")) {
        return fail(problem, "expected a waveform graph. Received: a mask graph, which needs an STFT around it");
    }
    long sample_rate = metadata_number(json, size, "sample_rate");
    long num_channels = metadata_number(json, size, "num_channels");
    long frame_length = metadata_number(json, size, "frame_length");
    long frame_step = metadata_number(json, size, "frame_step");
    if (sample_rate < 1 || num_channels < 1 || frame_step < 1 || frame_length < frame_step) {
        return fail(problem,
                    "expected a whole spec. "
                    "Received: sample_rate %ld, num_channels %ld, frame_length %ld, frame_step %ld (-1: missing)",
                    sample_rate, num_channels, frame_length, frame_step);
    }
    *spec = (StreamSpec){(size_t)sample_rate, (size_t)num_channels, (size_t)frame_length, (size_t)frame_step};
    return true;
}

static bool find_signature(struct StepModelRuntime *runtime, LiteRtSignature *signature, char *problem) {
    LiteRtParamIndex count;
    TRY(LiteRtGetNumModelSignatures, runtime->model, &count);
    for (LiteRtParamIndex i = 0; i < count; i++) {
        const char *key;
        TRY(LiteRtGetModelSignature, runtime->model, i, signature);
        TRY(LiteRtGetSignatureKey, *signature, &key);
        if (strcmp(key, SIGNATURE) == 0) {
            runtime->signature_index = i;
            return true;
        }
    }
    return fail(problem, "expected a signature '" SIGNATURE "'. Received: %zu others", count);
}

/* Zeros of a float32 tensor's shape. */
static bool make_tensor(LiteRtTensor described, const char *name, Tensor *tensor, char *problem) {
    LiteRtRankedTensorType type;
    TRY(LiteRtGetRankedTensorType, described, &type);
    if (type.element_type != kLiteRtElementTypeFloat32) {
        return fail(problem, "expected '%s' to be float32. Received: element type %d", name, type.element_type);
    }
    size_t count = 1;
    for (unsigned int i = 0; i < type.layout.rank; i++) count *= (size_t)type.layout.dimensions[i];
    float *values = allocate(count * sizeof *values);
    if (!values) return fail(problem, "not enough memory for '%s': %zu numbers", name, count);
    memset(values, 0, count * sizeof *values);
    LiteRtStatus status =
        LiteRtCreateTensorBufferFromHostMemory(&type, values, count * sizeof *values, free, &tensor->buffer);
    if (status != kLiteRtStatusOk) {
        free(values);
        return fail(problem, "LiteRT: no tensor buffer for '%s': status %d", name, status);
    }
    tensor->values = values;
    tensor->count = count;
    return true;
}

static bool find_output(struct StepModelRuntime *runtime, LiteRtSignature signature, const char *name,
                        LiteRtParamIndex *index, LiteRtTensor *tensor, char *problem) {
    for (*index = 0; *index < runtime->num_outputs; ++*index) {
        const char *found;
        TRY(LiteRtGetSignatureOutputName, signature, *index, &found);
        if (strcmp(found, name) == 0) {
            TRY(LiteRtGetSignatureOutputTensorByIndex, signature, *index, tensor);
            return true;
        }
    }
    return fail(problem, "expected an output '%s'. Received: none of this name", name);
}

static bool bind_state(struct StepModelRuntime *runtime, LiteRtSignature signature, LiteRtParamIndex input,
                       LiteRtTensor tensor, const char *name, char *problem) {
    char new_name[128];
    snprintf(new_name, sizeof new_name, "new_%s", name);
    LiteRtParamIndex output;
    LiteRtTensor new_tensor;
    if (!find_output(runtime, signature, new_name, &output, &new_tensor, problem)) return false;
    Tensor *state = runtime->states[runtime->num_states++];
    if (!make_tensor(tensor, name, &state[0], problem) || !make_tensor(new_tensor, new_name, &state[1], problem)) {
        return false;
    }
    if (state[0].count != state[1].count) {
        return fail(problem, "expected '%s' of %zu numbers. Received: %zu", new_name, state[0].count, state[1].count);
    }
    for (int turn = 0; turn < 2; turn++) {
        runtime->inputs[turn][input] = state[turn].buffer;
        runtime->outputs[turn][output] = state[!turn].buffer;
    }
    return true;
}

/* Finds every tensor by its name: their order differs from file to file. */
static bool bind_tensors(struct StepModelRuntime *runtime, LiteRtSignature signature, size_t step_values,
                         char *problem) {
    TRY(LiteRtGetNumSignatureInputs, signature, &runtime->num_inputs);
    TRY(LiteRtGetNumSignatureOutputs, signature, &runtime->num_outputs);
    if (runtime->num_inputs > MAX_TENSORS || runtime->num_outputs > MAX_TENSORS) {
        return fail(problem, "expected at most %d tensors. Received: %zu inputs and %zu outputs", (int)MAX_TENSORS,
                    runtime->num_inputs, runtime->num_outputs);
    }
    for (LiteRtParamIndex i = 0; i < runtime->num_inputs; i++) {
        const char *name;
        LiteRtTensor tensor;
        TRY(LiteRtGetSignatureInputName, signature, i, &name);
        TRY(LiteRtGetSignatureInputTensorByIndex, signature, i, &tensor);
        if (strncmp(name, STATE, strlen(STATE)) == 0) {
            if (!bind_state(runtime, signature, i, tensor, name, problem)) return false;
        } else if (strcmp(name, "samples") == 0) {
            if (!make_tensor(tensor, name, &runtime->samples, problem)) return false;
            runtime->inputs[0][i] = runtime->inputs[1][i] = runtime->samples.buffer;
        }
    }
    for (int stem = 0; stem < NUM_STEMS; stem++) {
        LiteRtParamIndex output;
        LiteRtTensor tensor;
        if (!find_output(runtime, signature, STEM_NAMES[stem], &output, &tensor, problem) ||
            !make_tensor(tensor, STEM_NAMES[stem], &runtime->stems[stem], problem)) {
            return false;
        }
        runtime->outputs[0][output] = runtime->outputs[1][output] = runtime->stems[stem].buffer;
    }
    if (runtime->num_inputs != 1 + runtime->num_states || runtime->num_outputs != NUM_STEMS + runtime->num_states ||
        runtime->samples.count != step_values || runtime->stems[VOCALS].count != step_values ||
        runtime->stems[ACCOMPANIMENT].count != step_values) {
        return fail(problem, "expected samples and two stems of %zu numbers, and states. Received: other tensors",
                    step_values);
    }
    return true;
}

static void keep(void *payload) { (void)payload; }

/* For the CPU, one thread: at these sizes a second one only makes the slowest steps slower. */
static bool compile(struct StepModelRuntime *runtime, LiteRtOptions options, char *problem) {
    static char cpu_options[] = "num_threads = 1\n";
    LiteRtOpaqueOptions opaque;
    TRY(LiteRtSetOptionsHardwareAccelerators, options, kLiteRtHwAcceleratorCpu);
    TRY(LiteRtCreateOpaqueOptions, "xnnpack", cpu_options, keep, &opaque);
    TRY(LiteRtAddOpaqueOptions, options, opaque);
    TRY(LiteRtCreateCompiledModel, runtime->environment, runtime->model, options, &runtime->compiled);
    return true;
}

static bool open_runtime(StepModel *model, const char *path, char *problem) {
    struct StepModelRuntime *runtime = model->runtime = calloc(1, sizeof *runtime);
    size_t num_bytes;
    if (!runtime) return fail(problem, "not enough memory");
    if (!read_file(path, &runtime->content, &num_bytes, problem)) return false;
    const char *damage = metadata_problem(runtime->content, num_bytes);
    if (damage) return fail(problem, "%s", damage);

    /* The CPU alone: what drives GPUs is another library, which aborts the program on ARM processors without LSE. */
    const LiteRtEnvOption environment_options[] = {
        {kLiteRtEnvOptionTagAutoRegisterAccelerators, {kLiteRtAnyTypeInt, {.int_value = kLiteRtHwAcceleratorCpu}}},
        {kLiteRtEnvOptionTagMinLoggerSeverity, {kLiteRtAnyTypeInt, {.int_value = kLiteRtLogSeveritySilent}}},
    };
    TRY(LiteRtCreateEnvironment, 2, environment_options, &runtime->environment);
    TRY(LiteRtCreateModelFromBuffer, runtime->environment, runtime->content, num_bytes, &runtime->model);
    LiteRtSignature signature;
    StreamSpec *spec = &model->spec;
    if (!read_spec(runtime->model, spec, problem) || !find_signature(runtime, &signature, problem) ||
        !bind_tensors(runtime, signature, spec->frame_step * spec->num_channels, problem)) {
        return false;
    }
    LiteRtOptions options;
    TRY(LiteRtCreateOptions, &options);
    bool compiled = compile(runtime, options, problem);
    LiteRtDestroyOptions(options);
    if (!compiled) return false;
    model->samples = runtime->samples.values;
    for (int stem = 0; stem < NUM_STEMS; stem++) model->stems[stem] = runtime->stems[stem].values;
    return true;
}

bool step_model_open(StepModel *model, const char *path, char problem[STEP_MODEL_PROBLEM]) {
    char reason[STEP_MODEL_PROBLEM];
    *model = (StepModel){.recoveries = 0};
    return open_runtime(model, path, reason) || fail(problem, "%s: %s", path, reason);
}

/* Sum of squares: the cheapest look at every number, not finite if one of them is not. */
static float power(const Tensor *tensor) {
    float sums[8] = {0}; /* that a compiler can add side by side */
    size_t whole = tensor->count / 8 * 8;
    for (size_t i = 0; i < whole; i += 8) {
        for (size_t k = 0; k < 8; k++) sums[k] += tensor->values[i + k] * tensor->values[i + k];
    }
    for (size_t i = whole; i < tensor->count; i++) sums[0] += tensor->values[i] * tensor->values[i];
    return sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] + sums[7];
}

static void clear(Tensor *tensor) { memset(tensor->values, 0, tensor->count * sizeof *tensor->values); }

bool step_model_run(StepModel *model) {
    struct StepModelRuntime *runtime = model->runtime;
    float all = power(&runtime->samples);
    if (isfinite(all)) {
        LiteRtStatus status = LiteRtRunCompiledModel(runtime->compiled, runtime->signature_index,
                                                     runtime->num_inputs, runtime->inputs[runtime->turn],
                                                     runtime->num_outputs, runtime->outputs[runtime->turn]);
        if (status != kLiteRtStatusOk) return false;
        runtime->turn = !runtime->turn;
        for (int stem = 0; stem < NUM_STEMS; stem++) all += power(&runtime->stems[stem]);
        for (size_t i = 0; i < runtime->num_states; i++) all += power(&runtime->states[i][runtime->turn]);
    }
    if (!isfinite(all)) {
        model->recoveries++;
        step_model_reset(model);
        for (int stem = 0; stem < NUM_STEMS; stem++) clear(&runtime->stems[stem]);
    }
    return true;
}

void step_model_reset(StepModel *model) {
    struct StepModelRuntime *runtime = model->runtime;
    for (size_t i = 0; i < runtime->num_states; i++) clear(&runtime->states[i][runtime->turn]);
}

static void destroy(Tensor *tensor) {
    if (tensor->buffer) LiteRtDestroyTensorBuffer(tensor->buffer);
}

void step_model_close(StepModel *model) {
    struct StepModelRuntime *runtime = model->runtime;
    if (!runtime) return;
    if (runtime->compiled) LiteRtDestroyCompiledModel(runtime->compiled);
    destroy(&runtime->samples);
    for (int stem = 0; stem < NUM_STEMS; stem++) destroy(&runtime->stems[stem]);
    for (size_t i = 0; i < runtime->num_states; i++) {
        destroy(&runtime->states[i][0]);
        destroy(&runtime->states[i][1]);
    }
    if (runtime->model) LiteRtDestroyModel(runtime->model);
    if (runtime->environment) LiteRtDestroyEnvironment(runtime->environment);
    free(runtime->content);
    free(runtime);
    model->runtime = NULL;
}
