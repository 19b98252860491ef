"""A SavedModel of one graph to a .tflite file in any precision, in builtin ops only.

int8 and int16x8 are mixed on purpose. What must stay float32, with the vocals' magnitude SNR against
Keras over 2000 steps of unseen music (int16x8: 400), in dB, for a trained OR-U-Net of size M:

| float32 besides inputs and outputs | int8 | int16x8 |
|---|---|---|
| nothing: the linear magnitude, with 60 dB from low to high bins, is rounded before its fourth root | 0.1 | 17 |
| the input compression | 28 | 40 |
| also the update of the recurrent state, which would be rounded once a step for ever | 32 | 44 |
| also the first convolution: one range for loud and quiet leaves quiet frames few steps | 37 | |

int16x8 without the last would lose more and more: 27 dB after 20000 steps, in which units that remember for minutes
move less than a step of 16 bits at a time.

Of levelled networks that is also the level and what is divided by it (size S with a memory in a skip connection: int8
1.4 dB without, 34 with; int16x8 40), and of masks that sum to one the sum and the quotient.

The products with weights, which are all but a hundredth of the work, stay int8.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from export.flatbuffer import kind, pack, unpack
from export.reshapes import drop_unit_reshapes
from export.widen import widen

PRECISIONS = ("float32", "float16", "dynamic_int8", "int8", "int16x8")
CALIBRATED = ("int8", "int16x8")
# The converter's 16-bit quantiser cannot leave the STFT and the overlap-add in float32; the 8-bit one can.
REFUSED = {("waveform", "int16x8"): "the converter would round the STFT and the overlap-add; take the mask core"}

Samples = Callable[[], Iterable[tuple[str, dict[str, Any]]]]

# What stays float32, by the names that Keras layers give to tensors inside the network. In int8: and all outside it.
_COMPRESSION = r"_step_\d+/Squeeze|encoder_\d+/(strided_slice|Sqrt)"
_LEVEL = r"_step_\d+/(level_step|Sqrt|Mean|ExpandDims|Maximum|truediv|Square|Mul)"
_STATE = r"_cell(_\d+)?/(add_\d|Sigmoid|Tanh|mul|sub|split|strided_slice)|_memory_\d+_step_\d+/Reshape_[13]\b"
_MASKS = r"mask_conv_\d+/split|mask_sigmoid|decoder_\d+/(strided_slice|concat|split|Add|truediv)"
_FLOAT_BESIDE_INT8 = re.compile("|".join([_COMPRESSION, _LEVEL, r"/down_1_", _STATE, _MASKS]))
_FLOAT_BESIDE_INT16 = re.compile("|".join([_COMPRESSION, _LEVEL, _STATE, _MASKS, r"PartitionedCall:\d+_int16$"]))


def to_tflite(saved_model: str, precision: str, network: str, samples: Samples | None = None) -> bytes:
    """The file's bytes, without our metadata.

    Args:
        saved_model: folder of a SavedModel with the signature `step`.
        precision: one of `PRECISIONS`. float16: weights; dynamic_int8: weights, activations as they come;
            int8, int16x8: activations (16 bits in the latter) and weights, with ranges from `samples`.
        network: name of the network inside the graph, which begins the names of its tensors.
        samples: gives ("step", inputs by name) again and again; needed by int8 and int16x8.
    """
    return drop_unit_reshapes(_converted(saved_model, precision, network, samples))


def _converted(saved_model: str, precision: str, network: str, samples: Samples | None) -> bytes:
    # From a SavedModel with a signature: from_concrete_functions makes files that run and output NaN.
    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model, signature_keys=["step"])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    # Or the product with a constant on its left becomes one FULLY_CONNECTED a stem, with transposes around.
    converter._experimental_disable_batchmatmul_unfold = True
    if precision == "float32":
        return converter.convert()
    exact = b"" if precision in CALIBRATED else converter.convert()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision not in CALIBRATED:
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        return float_outside(converter.convert(), exact, network)
    if samples is None:
        raise ValueError(f"{precision}: expected music to calibrate with (--data). Received: none")
    converter.representative_dataset = samples
    if precision == "int8":
        return _int8(converter, network)
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
        tf.lite.OpsSet.TFLITE_BUILTINS,
    ]
    return widen(converter.convert(), _FLOAT_BESIDE_INT16)


def _int8(converter: Any, network: str) -> bytes:
    # The debugger is the converter's way to leave out nodes by name; it calibrates once.
    debugger = tf.lite.experimental.QuantizationDebugger(converter=converter)
    names = [tensor.name.decode() for tensor in unpack(debugger.calibrated_model).subgraphs[0].tensors]
    kept = [name for name in names if not name.startswith(network) or _FLOAT_BESIDE_INT8.search(name)]
    # Ops with several outputs go by no one's name: SPLIT by kind, or the stems leave a waveform graph in 8 bits.
    debugger.options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=kept, denylisted_ops=["SPLIT"])
    return debugger.get_nondebug_quantized_model()


def float_outside(content: bytes, exact: bytes, network: str) -> bytes:
    """Puts back the constants outside the network as they are in `exact`, the float32 file: windows, transform.

    Rounded to 16 bits, the STFT's window leaks; 70 dB below the bass, where the treble is, the network
    hears that: 19 to 23 dB SNR of the vocals. Rounded to 8 bits, the transform back is 40 dB above its own noise.
    """
    model, original = unpack(content), unpack(exact)
    (graph,) = model.subgraphs
    # "arith.constant<i>" is the converter's own, often a zero bias, and counted anew in every file.
    inside = (network, "arith.")
    values = {
        tensor.name: original.buffers[tensor.buffer].data
        for tensor in original.subgraphs[0].tensors
        if not tensor.name.decode().startswith(inside)
    }
    dequantised = {op.inputs[0]: op for op in graph.operators if kind(model, op) == schema.BuiltinOperator.DEQUANTIZE}
    for index, tensor in enumerate(graph.tensors):
        rounded = tensor.type in (schema.TensorType.INT8, schema.TensorType.FLOAT16)
        if not rounded or values.get(tensor.name) is None:
            continue
        tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None
        model.buffers[tensor.buffer].data = values[tensor.name]
        if dequantise := dequantised.get(index):
            graph.operators.remove(dequantise)
            for op in graph.operators:
                op.inputs = [index if other == dequantise.outputs[0] else other for other in op.inputs]
    return pack(model)
