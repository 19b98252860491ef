"""Removal of reshapes of a .tflite file that only add and remove axes of length 1.

Keras' `Conv1D` becomes reshape, CONV_2D, reshape, and every reshape is a copy for XNNPACK. Here the
tensors in between, (1, F, C), become (1, 1, F, C), and reshapes from a shape to itself go. The
numbers stay the same to the bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_sep.tflite.flatbuffer import kind, pack, unpack

_OPS = schema.BuiltinOperator
# What does the same to a tensor with one more axis of length 1 in front.
_ANY_RANK = (_OPS.RESHAPE, _OPS.CONCATENATION, _OPS.SQRT, _OPS.LOGISTIC)


def drop_unit_reshapes(content: bytes) -> bytes:
    """Returns the same file with fewer reshapes; its numbers stay the same to the bit.

    Examples:
        >>> from keras_sep.models import OrUnet
        >>> from keras_sep.tflite.converter import to_float32
        >>> from keras_sep.tflite.drop_unit_reshapes import drop_unit_reshapes
        >>> from keras_sep.tflite.flatbuffer import unpack
        >>> from keras_sep.tflite.graphs import MaskCore
        >>> content = to_float32(MaskCore(OrUnet("tiny")))
        >>> before, after = (unpack(file).subgraphs[0].operators for file in (content, drop_unit_reshapes(content)))
        >>> len(after) < len(before)
        True
    """
    model = unpack(content)
    (graph,) = model.subgraphs
    _add_axis(model, graph)
    outputs = set(graph.outputs)
    for op in [op for op in graph.operators if kind(model, op) == _OPS.RESHAPE]:
        source, target = op.inputs[0], op.outputs[0]
        if target not in outputs and _shape(graph, source) == _shape(graph, target):
            graph.operators.remove(op)
            for other in graph.operators:
                other.inputs = [source if index == target else index for index in other.inputs]
    return pack(model)


def _add_axis(model: Any, graph: Any) -> None:
    """Turns (1, F, C) into (1, 1, F, C) wherever all that makes and takes a tensor allows it."""
    makers = {output: op for op in graph.operators for output in op.outputs}
    takers: dict[int, list[Any]] = {}
    for op in graph.operators:
        for index in op.inputs:
            takers.setdefault(index, []).append(op)
    fixed = {*graph.inputs, *graph.outputs}
    chosen = {
        index
        for index, maker in makers.items()
        if len(_shape(graph, index)) == 3
        and _shape(graph, index)[0] == 1
        and index not in fixed
        and all(kind(model, op) in _ANY_RANK for op in [maker, *takers.get(index, [])])
    }
    # All operands of an operation but a reshape change, or none does.
    while True:
        stuck = set()
        for op in graph.operators:
            touched = {*op.inputs, *op.outputs} & chosen
            if touched and kind(model, op) != _OPS.RESHAPE and {*op.inputs, *op.outputs} != touched:
                stuck |= touched
        if not stuck:
            break
        chosen -= stuck
    for index in chosen:
        tensor = graph.tensors[index]
        tensor.shape = [1, *_shape(graph, index)]
        tensor.shapeSignature = None
        if kind(model, makers[index]) == _OPS.RESHAPE:
            _set_target(model, graph, makers[index], tensor.shape)
    for op in graph.operators:
        if kind(model, op) == _OPS.CONCATENATION and op.outputs[0] in chosen and op.builtinOptions.axis >= 0:
            op.builtinOptions.axis += 1


def _set_target(model: Any, graph: Any, reshape: Any, shape: list[int]) -> None:
    """Gives a reshape its own constant for the new shape: others may share the old one."""
    buffer, constant = schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(np.array(shape, "<i4").tobytes(), np.uint8)
    model.buffers.append(buffer)
    constant.name = f"shape_{len(graph.tensors)}".encode()  # the quantiser wants names that differ
    constant.shape, constant.type = [len(shape)], schema.TensorType.INT32
    constant.buffer = len(model.buffers) - 1
    graph.tensors.append(constant)
    reshape.inputs = [reshape.inputs[0], len(graph.tensors) - 1]
    reshape.builtinOptions = schema.ReshapeOptionsT()
    reshape.builtinOptions.newShape = shape
    reshape.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions


def _shape(graph: Any, index: int) -> list[int]:
    shape = graph.tensors[index].shape
    return [] if shape is None else [int(n) for n in shape]
