"""A .tflite or .onnx file as a step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common.onnx_step import OnnxStep
from keras_sep.runtime import StepModel


def open_step(path: Path) -> Any:
    """Opens a file of `convert` in the runtime of its format, in one thread: a StepModel, or what has its interface."""
    return OnnxStep(path) if path.suffix == ".onnx" else StepModel(path)
