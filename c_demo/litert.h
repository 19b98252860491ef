/*
 * The declarations of LiteRT's C API that this demo uses, and no more.
 *
 * Written for libLiteRt of release 2.3.0, as the wheel ai-edge-litert 2.3.0 carries it without headers; 2.1.6 and 2.2.0
 * were found to be the same. Names, order of arguments, values and layouts are LiteRT's (litert/c/ of
 * google-ai-edge/LiteRT). A project that has Google's own headers for its release should use those: between releases
 * functions change their arguments and keep their names. Up to 2.1.5 those that make a model take no environment.
 */
#ifndef KERAS_SEP_LITERT_H_
#define KERAS_SEP_LITERT_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int LiteRtStatus; /* an enum of LiteRT's */
enum { kLiteRtStatusOk = 0 };

typedef struct LiteRtEnvironmentT *LiteRtEnvironment;
typedef struct LiteRtModelT *LiteRtModel;
typedef struct LiteRtSignatureT *LiteRtSignature;
typedef struct LiteRtTensorT *LiteRtTensor;
typedef struct LiteRtOptionsT *LiteRtOptions;
typedef struct LiteRtOpaqueOptionsT *LiteRtOpaqueOptions;
typedef struct LiteRtCompiledModelT *LiteRtCompiledModel;
typedef struct LiteRtTensorBufferT *LiteRtTensorBuffer;
typedef size_t LiteRtParamIndex;

/* The environment: which accelerators it loads, how much it says. */

typedef int LiteRtEnvOptionTag; /* an enum of LiteRT's */
enum {
    kLiteRtEnvOptionTagAutoRegisterAccelerators = 24, /* int: a set of kLiteRtHwAccelerator…, by default all */
    kLiteRtEnvOptionTagMinLoggerSeverity = 25         /* int: kLiteRtLogSeverity… */
};
enum { kLiteRtLogSeveritySilent = 4 };

typedef int LiteRtHwAcceleratorSet;
enum { kLiteRtHwAcceleratorCpu = 1 };

typedef int LiteRtAnyType; /* an enum of LiteRT's */
enum { kLiteRtAnyTypeInt = 2 };

typedef struct {
    LiteRtAnyType type;
    union {
        bool bool_value;
        int64_t int_value;
        double real_value;
        const char *str_value;
        const void *ptr_value;
    };
} LiteRtAny;

typedef struct {
    LiteRtEnvOptionTag tag;
    LiteRtAny value;
} LiteRtEnvOption;

LiteRtStatus LiteRtCreateEnvironment(int num_options, const LiteRtEnvOption *options, LiteRtEnvironment *environment);
void LiteRtDestroyEnvironment(LiteRtEnvironment environment);

/* A file, and what it says about itself. Strings and metadata live as long as the model. */

LiteRtStatus LiteRtCreateModelFromBuffer(
    LiteRtEnvironment environment, const void *content, size_t num_bytes, LiteRtModel *model); /* keeps `content` */
LiteRtStatus LiteRtGetModelMetadata(LiteRtModel model, const char *key, const void **data, size_t *num_bytes);
LiteRtStatus LiteRtGetNumModelSignatures(LiteRtModel model, LiteRtParamIndex *count);
LiteRtStatus LiteRtGetModelSignature(LiteRtModel model, LiteRtParamIndex index, LiteRtSignature *signature);
void LiteRtDestroyModel(LiteRtModel model);

LiteRtStatus LiteRtGetSignatureKey(LiteRtSignature signature, const char **key);
LiteRtStatus LiteRtGetNumSignatureInputs(LiteRtSignature signature, LiteRtParamIndex *count);
LiteRtStatus LiteRtGetSignatureInputName(LiteRtSignature signature, LiteRtParamIndex index, const char **name);
LiteRtStatus LiteRtGetSignatureInputTensorByIndex(
    LiteRtSignature signature, LiteRtParamIndex index, LiteRtTensor *tensor);
LiteRtStatus LiteRtGetNumSignatureOutputs(LiteRtSignature signature, LiteRtParamIndex *count);
LiteRtStatus LiteRtGetSignatureOutputName(LiteRtSignature signature, LiteRtParamIndex index, const char **name);
LiteRtStatus LiteRtGetSignatureOutputTensorByIndex(
    LiteRtSignature signature, LiteRtParamIndex index, LiteRtTensor *tensor);

/* The type of a tensor: 72 bytes. */

#define LITERT_TENSOR_MAX_RANK 8

typedef int LiteRtElementType; /* an enum of LiteRT's */
enum { kLiteRtElementTypeFloat32 = 1 };

typedef struct {
    unsigned int rank : 7; /* in one byte with has_strides, its highest bit */
    bool has_strides : 1;
    int32_t dimensions[LITERT_TENSOR_MAX_RANK]; /* the first `rank` of them; below 0 if dynamic */
    uint32_t strides[LITERT_TENSOR_MAX_RANK];
} LiteRtLayout;

typedef struct {
    LiteRtElementType element_type;
    LiteRtLayout layout;
} LiteRtRankedTensorType;

LiteRtStatus LiteRtGetRankedTensorType(LiteRtTensor tensor, LiteRtRankedTensorType *type);

/* How to compile. The CPU's options are TOML text under "xnnpack", freed by `destroy`; what is added is given away. */

LiteRtStatus LiteRtCreateOptions(LiteRtOptions *options);
LiteRtStatus LiteRtSetOptionsHardwareAccelerators(LiteRtOptions options, LiteRtHwAcceleratorSet accelerators);
LiteRtStatus LiteRtCreateOpaqueOptions(
    const char *identifier, void *payload, void (*destroy)(void *payload), LiteRtOpaqueOptions *options);
LiteRtStatus LiteRtAddOpaqueOptions(LiteRtOptions options, LiteRtOpaqueOptions opaque_options);
void LiteRtDestroyOpaqueOptions(LiteRtOpaqueOptions options);
void LiteRtDestroyOptions(LiteRtOptions options);

/* Memory of the caller's as a tensor, and running on it. */

#define LITERT_HOST_MEMORY_BUFFER_ALIGNMENT 64 /* bytes */

LiteRtStatus LiteRtCreateTensorBufferFromHostMemory(const LiteRtRankedTensorType *type, void *memory, size_t num_bytes,
                                                    void (*destroy)(void *memory), LiteRtTensorBuffer *buffer);
void LiteRtDestroyTensorBuffer(LiteRtTensorBuffer buffer); /* calls `destroy`, unless that is NULL */

LiteRtStatus LiteRtCreateCompiledModel(
    LiteRtEnvironment environment, LiteRtModel model, LiteRtOptions options, LiteRtCompiledModel *compiled_model);
LiteRtStatus LiteRtRunCompiledModel(LiteRtCompiledModel compiled_model, LiteRtParamIndex signature_index,
                                    size_t num_inputs, LiteRtTensorBuffer *inputs, /* in the signature's order */
                                    size_t num_outputs, LiteRtTensorBuffer *outputs);
void LiteRtDestroyCompiledModel(LiteRtCompiledModel compiled_model);

#ifdef __cplusplus
}
#endif

#endif
