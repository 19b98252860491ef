"""An .onnx file with the interface of `keras_sep.runtime.StepModel`; it needs only ONNX Runtime and NumPy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_sep.errors import ModelFileError
from keras_sep.metadata import ENTRY
from keras_sep.spec import StreamSpec

Array = npt.NDArray[np.float32]


class OnnxStep:
    """The one-frame step of a mask core, run by ONNX Runtime in one thread; it keeps the states between calls.

    A call takes the magnitude of a frame (F, V), linear, ≥ 0, and returns one mask (F, C) in [0, 1] a source.

    Args:
        file: path of an .onnx file of `python -m export convert`, or the file's bytes.
        spec: None takes it from the file's metadata.

    Raises:
        ValueError: onnxruntime is not installed.
        ModelFileError: ONNX Runtime cannot run the file, or its metadata has no spec.
    """

    graph = "mask"

    def __init__(self, file: Path | bytes, spec: StreamSpec | None = None):
        self._session = onnx_session(file)
        entries = self._session.get_modelmeta().custom_metadata_map
        try:
            self.spec = spec or StreamSpec.from_dict(json.loads(entries[ENTRY])["spec"])
        except (KeyError, ValueError) as error:
            raise ModelFileError(f"{_name(file)}: expected an .onnx file of convert. Received: {error!r}") from error
        self._names = [output.name for output in self._session.get_outputs()]
        self.reset()

    def reset(self) -> None:
        inputs = self._session.get_inputs()
        self._states = {i.name: np.zeros(i.shape, np.float32) for i in inputs if i.name.startswith("state_")}

    def states(self) -> dict[str, Array]:
        return dict(self._states)

    def __call__(self, x: Array, out: Sequence[Array] | None = None) -> Sequence[Array]:
        values = self._session.run(self._names, {"magnitude": x[None, None], **self._states})
        outputs = dict(zip(self._names, values, strict=True))
        self._states = {name: outputs[f"new_{name}"] for name in self._states}
        masks = [outputs[f"{source}_mask"][0, 0] for source in self.spec.sources]
        if out is None:
            return masks
        for target, mask in zip(out, masks, strict=True):
            target[:] = mask
        return out

    def sequence(self, frames: Array, out: Sequence[Array]) -> None:
        for t, x in enumerate(frames):
            self(x, [target[t] for target in out])


def onnx_session(file: Path | bytes) -> Any:
    """Opens a file in ONNX Runtime, in one thread, so that its times compare with LiteRT's.

    Args:
        file: path, or the file's bytes.

    Returns:
        An onnxruntime.InferenceSession.

    Raises:
        ValueError: onnxruntime is not installed.
        ModelFileError: ONNX Runtime cannot run the file.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ValueError(f'onnx: expected onnxruntime (`pip install ".[onnx]"`). Received: {error}') from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        content = file.read_bytes() if isinstance(file, Path) else file
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class but this one
        message = f"{_name(file)}: ONNX Runtime cannot run this file: {error}"
        raise ModelFileError(message.splitlines()[0]) from error


def _name(file: Path | bytes) -> str:
    return str(file) if isinstance(file, Path) else "model"
