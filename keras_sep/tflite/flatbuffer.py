"""Conversion of a .tflite file to Python objects and back (schema.fbs of TensorFlow Lite)."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def unpack(content: bytes) -> Any:
    """Reads a file's bytes into a schema.ModelT.

    Examples:
        >>> from keras_sep.presets import get_preset
        >>> from keras_sep.tflite.flatbuffer import unpack
        >>> model = unpack(get_preset("small").file("mask", "dynamic_int8").path().read_bytes())
        >>> [signature.signatureKey for signature in model.signatureDefs]
        [b'step']
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for buffer in model.buffers:
        if buffer.offset > 1:  # some writers put large constants behind the tables
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def pack(model: Any) -> bytes:
    """Writes a schema.ModelT as a file's bytes.

    Examples:
        >>> from keras_sep.presets import get_preset
        >>> from keras_sep.tflite.flatbuffer import pack, unpack
        >>> pack(unpack(get_preset("small").file("mask", "dynamic_int8").path().read_bytes()))[4:8]
        b'TFL3'
    """
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def kind(model: Any, op: Any) -> int:
    """Returns the kind of an operator, a number of schema.BuiltinOperator.

    Examples:
        >>> from ai_edge_litert import schema_py_generated as schema
        >>> from keras_sep.presets import get_preset
        >>> from keras_sep.tflite.flatbuffer import kind, unpack
        >>> model = unpack(get_preset("small").file("mask", "dynamic_int8").path().read_bytes())
        >>> kinds = [kind(model, op) for op in model.subgraphs[0].operators]
        >>> schema.BuiltinOperator.CONV_2D in kinds
        True
    """
    code = model.operatorCodes[op.opcodeIndex]
    return max(code.builtinCode, code.deprecatedBuiltinCode)
