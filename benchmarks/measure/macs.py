"""Multiply-accumulates (MACs) of a network, counted from a file's operations and tensor shapes.

Convolutions and matrix products count as they are carried out, zeros of a polyphase kernel included. Fourier transforms
of the waveform graph and operations on single elements do not count.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

from keras_sep import runtime

Shape = tuple[int, ...]
TRANSFORM = "inverse_dft"  # the name in keras_sep.tflite.inverse_dft, not imported from there: that loads TensorFlow
# Operation → its MACs, given the shapes of its inputs and its output; kernels are (O, H, W, I) and (1, H, W, O).
TFLITE = {
    "CONV_2D": lambda inputs, output: prod(output) * prod(inputs[1][1:]),
    "DEPTHWISE_CONV_2D": lambda inputs, output: prod(output) * prod(inputs[1][1:3]),
    "TRANSPOSE_CONV": lambda inputs, output: prod(inputs[2]) * prod(inputs[1][:3]),
    "FULLY_CONNECTED": lambda inputs, output: prod(output) * inputs[1][1],
    "BATCH_MATMUL": lambda inputs, output: prod(output) * inputs[0][-1],
}
# Kernels are (O, I, …); the second operand of Gemm is counted as it is stored.
ONNX = {
    "Conv": lambda inputs, output: prod(output) * prod(inputs[1][1:]),
    "ConvTranspose": lambda inputs, output: prod(inputs[0]) * prod(inputs[1][1:]),
    "Gemm": lambda inputs, output: prod(inputs[1]) * output[0],
    "MatMul": lambda inputs, output: prod(output) * inputs[0][-1],
}
# Fused layers: their MACs do not follow from the shapes of their inputs and outputs, and a wrong figure is worse than
# none.
UNKNOWN = ("LSTM", "RNN", "GRU", "CONV_3D", "SVDF")


def multiplications(path: Path) -> int | None:
    """Counts the multiply-accumulates of one step of a .tflite or .onnx file.

    Returns None where they cannot be counted: an .onnx file without the package onnx, or a file with fused layers.
    """
    operations = _onnx(path) if path.suffix == ".onnx" else _tflite(path)
    if operations is None or any(name in kind for kind, *_ in operations for name in UNKNOWN):
        return None
    work = {**TFLITE, **ONNX}
    return sum(work[kind](inputs, output) for kind, inputs, output in operations if kind in work)


def _tflite(path: Path) -> list[tuple[str, list[Shape], Shape]]:
    # Tensors are not allocated: a delegate would then take operations over and hide them.
    interpreter: Any = runtime._interpreter_class()(model_path=str(path))
    tensors = {t["index"]: t for t in interpreter.get_tensor_details()}
    shapes = {index: tuple(int(n) for n in tensor["shape"]) for index, tensor in tensors.items()}
    operations = interpreter._get_ops_details()
    names = [tensors.get(int(op["outputs"][0]), {"name": ""})["name"] for op in operations]
    # Only the network counts. In files of the first release its tensors are named "or_unet_step_1/…"; in later files
    # those of the transform have a name, and the rest is the network.
    own = [op for op, name in zip(operations, names, strict=True) if "_step_" in name]
    rest = [op for op, name in zip(operations, names, strict=True) if f"{TRANSFORM}/" not in name]
    return [
        (op["op_name"], [shapes.get(int(i), ()) for i in op["inputs"]], shapes.get(int(op["outputs"][0]), ()))
        for op in own or rest
    ]


def _onnx(path: Path) -> list[tuple[str, list[Shape], Shape]] | None:
    try:
        import onnx
    except ImportError:
        return None
    graph = onnx.shape_inference.infer_shapes(onnx.load(str(path))).graph
    shapes = {
        value.name: tuple(n.dim_value for n in value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
    shapes |= {constant.name: tuple(constant.dims) for constant in graph.initializer}
    return [(n.op_type, [shapes.get(i, ()) for i in n.input], shapes.get(n.output[0], ())) for n in graph.node]
