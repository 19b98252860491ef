"""Quantisation of a float32 file to float16 or dynamic_int8, by ai-edge-quantizer.

Only what multiplies with the network's weights is quantised, CONV_2D and FULLY_CONNECTED: all but a hundredth of the
work and nearly all bytes. The rest stays float32, because rounding there is audible: the linear magnitude falls by
60 dB from low to high bins, a recurrent state would be rounded anew at every step, the STFT's window leaks, and stems
whose inverse transform is rounded to 8 bits are 15 dB from those of Keras.
"""

from __future__ import annotations

import copy
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from keras_sep.tflite.drop_unit_reshapes import drop_unit_reshapes
from keras_sep.tflite.flatbuffer import kind, pack, unpack
from keras_sep.tflite.inverse_dft import SCOPE

PRECISIONS = ("float32", "float16", "dynamic_int8")
_OPS, _TYPES = schema.BuiltinOperator, schema.TensorType
# Least version of an operator that computes with these types (input, kernel; channels have a scale each): TensorFlow
# Lite's op_version.cc.
_VERSIONS = {
    (_OPS.CONV_2D, _TYPES.FLOAT32, _TYPES.INT8): 5,
    (_OPS.FULLY_CONNECTED, _TYPES.FLOAT32, _TYPES.INT8): 12,
    (_OPS.DEQUANTIZE, _TYPES.FLOAT16, None): 3,
}


def quantise(content: bytes, precision: str) -> bytes:
    """Returns the same file in another precision, without metadata.

    Args:
        content: bytes of a float32 file with the signature `step`.
        precision: one of `PRECISIONS`. float16: weights; dynamic_int8: weights, and activations as they come.

    Raises:
        ValueError: an unknown precision.

    Examples:
        >>> from keras_sep.models import OrUnet
        >>> from keras_sep.tflite.converter import to_float32
        >>> from keras_sep.tflite.graphs import MaskCore
        >>> from keras_sep.tflite.quantise import quantise
        >>> content = to_float32(MaskCore(OrUnet("tiny")))
        >>> len(quantise(content, "dynamic_int8")) < len(content)
        True
    """
    if precision not in PRECISIONS:
        raise ValueError(f"quantise: expected one of {', '.join(PRECISIONS)}. Received: {precision}")
    if precision == "float32":
        return drop_unit_reshapes(content)
    from ai_edge_quantizer import qtyping, quantizer

    names = qtyping.TFLOperationName
    weights = qtyping.TensorQuantizationConfig(8, granularity=qtyping.QuantGranularity.CHANNELWISE)
    algorithm = "min_max_uniform_quantize"
    if precision == "float16":
        half = qtyping.TensorQuantizationConfig(16, dtype=qtyping.TensorDataType.FLOAT)
        float_precision = qtyping.ComputePrecision.FLOAT
        config = qtyping.OpQuantizationConfig(
            weight_tensor_config=half, compute_precision=float_precision, explicit_dequantize=True
        )
        algorithm = "float_casting"
    else:
        config = qtyping.OpQuantizationConfig(
            weight_tensor_config=weights, compute_precision=qtyping.ComputePrecision.INTEGER
        )
    work = quantizer.Quantizer(bytearray(content))
    for operation in (names.CONV_2D, names.FULLY_CONNECTED):
        work.update_quantization_recipe(".*", operation, config, algorithm)
    # The inverse transform multiplies with constants, too.
    work.update_quantization_recipe(f"(^|/){SCOPE}/", names.FULLY_CONNECTED, algorithm_key="no_quantize")
    rounded = bytes(work.quantize(enable_progress_bar=False, enable_progress_report=False).quantized_model)
    # In a final stage, because the quantiser does not know what is left over when an operator goes.
    return _state_versions(drop_unit_reshapes(rounded))


def _state_versions(content: bytes) -> bytes:
    """Returns the same file with the versions of its operators, which the quantiser leaves at those of float32.

    Old runtimes know by them what they cannot compute; tflite-runtime 2.14 gives noise without a word otherwise.
    """
    model = unpack(content)
    (graph,) = model.subgraphs
    codes: dict[tuple[int, int], int] = {}
    found: list[Any] = []
    for op in graph.operators:
        code = model.operatorCodes[op.opcodeIndex]
        types = [graph.tensors[index].type for index in op.inputs[:2]]
        version = max(code.version, _VERSIONS.get((kind(model, op), types[0], types[1] if len(types) > 1 else None), 1))
        place = codes.setdefault((op.opcodeIndex, version), len(codes))
        if place == len(found):
            found.append(copy.copy(code))
            found[-1].version = version
        op.opcodeIndex = place
    model.operatorCodes = found
    return pack(model)
