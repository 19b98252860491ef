"""A file of either format as a step."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.benchmark.example import Array
from keras_sep import runtime
from keras_sep.metadata import ENTRY
from keras_sep.spec import StreamSpec


def interpreter_class() -> Any:
    """That of the runtime which also runs our files."""
    return runtime._interpreter_class()


def load(path: Path) -> runtime.StepModel | OnnxStep:
    return OnnxStep(path) if path.suffix == ".onnx" else runtime.StepModel(path)


def onnx_session(path: Path) -> Any:
    """In one thread, as LiteRT."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class OnnxStep:
    """The mask core of an .onnx file, called as `keras_sep.runtime.StepModel`."""

    graph = "mask"

    def __init__(self, path: Path):
        self._session = onnx_session(path)
        self.spec = StreamSpec.from_dict(json.loads(self._session.get_modelmeta().custom_metadata_map[ENTRY])["spec"])
        shapes = {tensor.name: tensor.shape for tensor in self._session.get_inputs()}
        self._states = {n: np.zeros(shape, np.float32) for n, shape in shapes.items() if n.startswith("state_")}
        self._masks = [f"{source}_mask" for source in self.spec.sources]
        self._names = [*self._masks, *(f"new_{name}" for name in self._states)]

    def __call__(self, x: Array, out: Sequence[Array]) -> Sequence[Array]:
        values = self._session.run(self._names, {"magnitude": x[None, None], **self._states})
        masks, states = values[: len(out)], values[len(out) :]
        self._states = dict(zip(self._states, states, strict=True))
        for target, mask in zip(out, masks, strict=True):
            target[:] = mask[0, 0]
        return out
