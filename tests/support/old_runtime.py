"""A runtime that cannot run some precisions, as tflite-runtime 2.14 cannot run dynamic_int8."""

from __future__ import annotations

import sys
import types
from typing import Any

from keras_sep import runtime
from keras_sep.metadata import read_metadata

REFUSAL = """Didn't find op for builtin opcode 'FULLY_CONNECTED' version '12'. An older version of this builtin might be supported. Are you using an old TFLite binary with a newer model?
Registration failed.
"""  # noqa: E501 - word by word


def interpreter(*precisions: str, error: Exception | None = None) -> Any:
    """An Interpreter class that raises `error`, what tflite-runtime says if None, for files of these precisions."""
    sys.modules["old_runtime"] = types.SimpleNamespace(__version__="2.14.0")  # type: ignore[assignment]

    class Interpreter(runtime._interpreter_class()):  # type: ignore[misc]
        __module__ = "old_runtime.interpreter"

        def __init__(self, model_content: bytes, **options: Any):
            if read_metadata(model_content)["precision"] in precisions:
                raise error or ValueError(REFUSAL)
            super().__init__(model_content=model_content, **options)

    return Interpreter
