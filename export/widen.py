"""Puts a part of a quantised .tflite file back into float32.

The converter's 8-bit quantiser leaves operations out by name; its 16-bit one takes no names.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from export.flatbuffer import kind, pack, unpack

_OPS, _TYPES = schema.BuiltinOperator, schema.TensorType
_DTYPES = {_TYPES.INT8: np.int8, _TYPES.INT16: np.int16, _TYPES.INT32: np.int32, _TYPES.INT64: np.int64}


def widen(content: bytes, names: re.Pattern[str]) -> bytes:
    """Computes every operation whose first output's name matches in float32.

    What it takes of the rest is dequantised, what the rest takes of it quantised, with the ranges that were there.
    """
    model = unpack(content)
    _Widening(model, names).apply()
    return pack(model)


class _Widening:
    def __init__(self, model: Any, names: re.Pattern[str]):
        self.model = model
        (self.graph,) = model.subgraphs
        operators = self.graph.operators
        self.makers = {output: op for op in operators for output in op.outputs}
        self.chosen = {
            id(op)
            for op in operators
            if kind(model, op) not in (_OPS.QUANTIZE, _OPS.DEQUANTIZE)
            and self._quantised(op.outputs[0])
            and names.search(self.graph.tensors[op.outputs[0]].name.decode())
        }
        self.exact: dict[int, int] = {}  # quantised tensor → the same in float32

    def apply(self) -> None:
        produced = {output for op in self.graph.operators if id(op) in self.chosen for output in op.outputs}
        # Where the rest dequantised a result, that is the float tensor, which may be an output of the graph.
        for op in self.graph.operators:
            if kind(self.model, op) == _OPS.DEQUANTIZE and op.inputs[0] in produced:
                self.exact.setdefault(op.inputs[0], op.outputs[0])
        for index in produced - self.exact.keys():
            self.exact[index] = self._new_tensor(index)
        result: list[Any] = []
        for op in self.graph.operators:
            if id(op) in self.chosen:
                op.inputs = [self._in_float(index, result) for index in op.inputs]
                quantised, op.outputs = op.outputs, [self.exact[index] for index in op.outputs]
                result.append(op)
                result += [self._operator(_OPS.QUANTIZE, self.exact[index], index) for index in quantised]
            elif not (kind(self.model, op) == _OPS.DEQUANTIZE and op.outputs[0] in self.exact.values()):
                result.append(op)
        self.graph.operators = result
        self._drop_unused()

    def _in_float(self, index: int, before: list[Any]) -> int:
        if not self._quantised(index):
            return index
        if index not in self.exact:
            maker = self.makers.get(index)
            if maker is None:
                self.exact[index] = self._new_tensor(index, self._values(index))
            elif kind(self.model, maker) == _OPS.QUANTIZE:  # of a float tensor, or of another range
                self.exact[index] = self._in_float(maker.inputs[0], before)
            else:
                self.exact[index] = self._new_tensor(index)
                before.append(self._operator(_OPS.DEQUANTIZE, index, self.exact[index]))
        return self.exact[index]

    def _quantised(self, index: int) -> bool:
        about = self.graph.tensors[index].quantization if index >= 0 else None
        return about is not None and about.scale is not None and len(about.scale) > 0

    def _values(self, index: int) -> np.ndarray:
        tensor = self.graph.tensors[index]
        about = tensor.quantization
        data = np.asarray(self.model.buffers[tensor.buffer].data, np.uint8).tobytes()
        shape = [] if tensor.shape is None else tensor.shape
        values = np.frombuffer(data, _DTYPES[tensor.type]).reshape(shape).astype(np.float64)
        # One range for all, or one for each entry of an axis.
        axes = [1] * values.ndim
        if len(about.scale) > 1:
            axes[about.quantizedDimension] = -1
        scale, zero = (np.asarray(x, np.float64).reshape(axes) for x in (about.scale, about.zeroPoint))
        return ((values - zero) * scale).astype(np.float32)

    def _new_tensor(self, like: int, values: np.ndarray | None = None) -> int:
        old, tensor, buffer = self.graph.tensors[like], schema.TensorT(), schema.BufferT()
        if values is not None:
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        tensor.name, tensor.shape, tensor.type = old.name + b"_float32", old.shape, _TYPES.FLOAT32
        tensor.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def _operator(self, operator: int, source: int, target: int) -> Any:
        op = schema.OperatorT()
        codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in self.model.operatorCodes]
        op.opcodeIndex, op.inputs, op.outputs = codes.index(operator), [source], [target]
        return op

    def _drop_unused(self) -> None:
        while True:
            used = {index for op in self.graph.operators for index in op.inputs} | set(self.graph.outputs)
            kept = [op for op in self.graph.operators if used.intersection(op.outputs)]
            if len(kept) == len(self.graph.operators):
                return
            self.graph.operators = kept
