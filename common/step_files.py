"""One interface to the steps of .tflite and .onnx files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common.onnx_step import OnnxStep
from keras_sep.runtime import StepModel


def open_step(path: Path) -> Any:
    """Opens a file of `python -m export convert` in the runtime of its format, in one thread.

    Returns:
        A `StepModel`, or an `OnnxStep` with the same interface.
    """
    return OnnxStep(path) if path.suffix == ".onnx" else StepModel(path)
