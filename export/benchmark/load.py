"""A file of either format as a step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from export.onnx_step import OnnxStep
from keras_sep import runtime


def interpreter_class() -> Any:
    """That of the runtime which also runs our files."""
    return runtime._interpreter_class()


def load(path: Path) -> runtime.StepModel | OnnxStep:
    return OnnxStep(path) if path.suffix == ".onnx" else runtime.StepModel(path)
