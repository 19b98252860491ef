"""The step of a .tflite file, with NumPy and LiteRT alone: no TensorFlow, no Keras."""

from __future__ import annotations

import functools
import importlib
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_sep.errors import ModelFileError, UnsupportedModelError
from keras_sep.metadata import read_metadata
from keras_sep.spec import StreamSpec

# In this order: small and kept, small and old, large.
_INTERPRETERS = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow.lite.python.interpreter")
SIGNATURE = "step"
_INPUT = {"mask": "magnitude", "waveform": "samples"}


class StepModel:
    """The one-frame step of an exported graph, which keeps the states between calls.

    Tensors are found by their names in the signature `step`, never by position. One thread: at these
    sizes a second one only makes the slowest steps slower.

    A state that is not finite would stay so for ever, and integers turn NaN into numbers that the network may
    remember for minutes. A step with NaN, infinity or numbers beyond all music (about 1e18) in its input, a
    state or an output is therefore undone: it gives zeros, silence or masks that let nothing through, and the
    next one starts from zero states, as a new stream does.

    Args:
        path: .tflite file written by `keras_sep.tflite.convert` or `python -m export convert`.

    Attributes:
        spec: StreamSpec of the file.
        graph: "mask", a step from magnitude (F, V) to one mask (F, C) a source, or "waveform", from
            samples (frame_step, C) to one stem (frame_step, C) a source, late by frame_length − frame_step.
        metadata: everything the file says about itself.
        recoveries: steps undone since the file was opened; `reset` does not clear it.

    Raises:
        ModelFileError: a missing, damaged or foreign file, one whose tensors do not fit its spec, or no usable runtime.
        UnsupportedModelError: an intact file that the runtime cannot run; names file, runtime and operator.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.presets import get_preset
        >>> from keras_sep.runtime import StepModel
        >>> step = StepModel(get_preset("small").file("waveform", "dynamic_int8").path())
        >>> vocals, accompaniment = step(np.zeros((512, 2), np.float32))
        >>> step.graph, vocals.shape, step.spec.stem_delay
        ('waveform', (512, 2), 1536)
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise ModelFileError(f"{self.path}: cannot read the model: {error.strerror}") from error
        self.metadata = read_metadata(content, str(self.path))
        try:
            self.spec = StreamSpec.from_dict(self.metadata.get("spec", {}))
        except ValueError as error:
            raise ModelFileError(f"{self.path}: unusable metadata: {error}") from error
        if (graph := self.metadata.get("graph")) not in list(_INPUT):
            raise ModelFileError(f"{self.path}: expected the graph {' or '.join(_INPUT)}. Received: {graph!r}")
        self.graph: str = graph
        self._input_name = _INPUT[graph]
        try:
            self._interpreter: Any = _interpreter_class()(model_content=content, num_threads=1)
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            message = f"{self.path}: {runtime_name()} cannot run this file: {_reason(error)}"
            raise UnsupportedModelError(message) from error
        except SystemError as error:  # how tflite_runtime 2.14 fails beside a NumPy newer than 1
            raise ModelFileError(
                f"{runtime_name()} does not work beside NumPy {np.__version__} ({error.__cause__}): "
                "install a current ai-edge-litert, or numpy<2"
            ) from error
        self._bind()
        self.recoveries = 0
        self.reset()

    def reset(self) -> None:
        """Sets every state to zero."""
        for _, old in self._carry.values():
            old()[:] = 0.0

    def states(self) -> dict[str, npt.NDArray[np.float32]]:
        """Returns copies of the states that the next step starts from, by input name."""
        return {name: old().copy() for name, (_, old) in self._carry.items()}

    def __call__(
        self, x: npt.NDArray[np.float32], out: Sequence[npt.NDArray[np.float32]] | None = None
    ) -> Sequence[npt.NDArray[np.float32]]:
        """Runs one step.

        Args:
            x: float32, by `graph`: (F, V) magnitude, as `keras_sep.signal.magnitude_views`, or (frame_step, C) samples.
            out: a contiguous float32 array (F, C) or (frame_step, C) for each source, filled and returned; None for new
                ones.

        Returns:
            One such array for each of `spec.sources`.
        """
        if x.shape != self._frame_shape:
            raise ValueError(f"expected a frame of shape {self._frame_shape}. Received: {x.shape}")
        if out is None:
            out = [np.empty(self._output_shape, np.float32) for _ in self._outputs]
        if math.isfinite(_power(x)):
            self._run(x[np.newaxis], out)
            if self._is_finite(out):
                return out
        self.recoveries += 1
        self.reset()
        for target in out:
            target[:] = 0.0
        return out

    def sequence(self, frames: npt.NDArray[np.float32], out: Sequence[npt.NDArray[np.float32]]) -> None:
        """Runs a step for each frame: what calls for one after the other would do, in less time.

        Args:
            frames: (T, …), T values of a call's `x`.
            out: a contiguous array (T, …) for each source, filled.
        """
        # All numbers are looked at once, not in every step. If one is not finite, all is done again, step by step.
        if len(frames) > 1 and math.isfinite(_power(frames)):
            before = self.states()
            self._run(frames, out)
            if self._is_finite(out):
                return
            for name, (_, old) in self._carry.items():
                old()[:] = before[name]
        for t, x in enumerate(frames):
            self(x, [target[t] for target in out])

    def _is_finite(self, out: Sequence[npt.NDArray[np.float32]]) -> bool:
        """Whether all numbers in `out` and in the states are."""
        return math.isfinite(sum(map(_power, out)) + sum(_power(old()) for _, old in self._carry.values()))

    def _run(self, frames: npt.NDArray[np.float32], out: Sequence[npt.NDArray[np.float32]]) -> None:
        """Fills `out`, contiguous and without regard to its shape, frame after frame, and carries the states."""
        # Views of the interpreter's memory are made and dropped at once: it must not run while one is held.
        # Copies by memoryview, because NumPy's let go of Python's lock, and getting it back takes longer.
        outputs = [(target.data.cast("B"), view) for target, view in zip(out, self._outputs, strict=True)]
        size = len(outputs[0][0]) // len(frames)
        for t, x in enumerate(frames.reshape(-1, *self._input_shape)):
            self._set_input(x)
            self._interpreter.invoke()
            for target, view in outputs:
                target[t * size : (t + 1) * size] = view().data.cast("B")
            for new, old in self._carry.values():
                old().data.cast("B")[:] = new().data.cast("B")

    def _bind(self) -> None:
        signatures = self._interpreter.get_signature_list()
        if SIGNATURE not in signatures:
            raise ModelFileError(f"{self.path}: expected a signature {SIGNATURE!r}. Received: {sorted(signatures)}")
        runner = self._interpreter.get_signature_runner(SIGNATURE)
        inputs, outputs = runner.get_input_details(), runner.get_output_details()
        spec = self.spec
        if self.graph == "mask":
            shape: tuple[int, ...] = (1, 1, spec.num_bins, spec.num_channels)
            input_shape: tuple[int, ...] = (1, 1, spec.num_bins, spec.num_views)
            names = [f"{source}_mask" for source in spec.sources]
        else:
            shape = input_shape = (1, spec.frame_step, spec.num_channels)
            names = list(spec.sources)
        self._require_shape(inputs, self._input_name, input_shape)
        for name in names:
            self._require_shape(outputs, name, shape)
        view = self._interpreter.tensor  # index → function that returns a view
        self._frame_shape, self._output_shape = input_shape[-2:], shape[-2:]
        self._input_shape = input_shape
        self._set_input = functools.partial(self._interpreter.set_tensor, inputs[self._input_name]["index"])
        self._outputs = [view(outputs[name]["index"]) for name in names]
        self._carry = {}
        for name, detail in inputs.items():
            if name.startswith("state_"):
                state_shape = tuple(int(n) for n in detail["shape"])
                self._require_shape(outputs, f"new_{name}", state_shape)
                self._carry[name] = view(outputs[f"new_{name}"]["index"]), view(detail["index"])

    def _require_shape(self, details: dict[str, Any], name: str, shape: tuple[int, ...]) -> None:
        found = tuple(int(n) for n in details[name]["shape"]) if name in details else None
        if found != shape or details[name]["dtype"] != np.float32:
            raise ModelFileError(
                f"{self.path}: expected a float32 tensor {name!r} of shape {shape}. "
                f"Received: {found or 'none'} among {sorted(details)}"
            )


def _reason(error: Exception) -> str:
    """Returns what the runtime's error says about the operator, or all of it."""
    text = " ".join(str(error).split())
    operator = re.search(r"[^.]*'\w+' version '\d+'|Node number \d+ \(\w+\) failed to \w+", text)
    return operator[0] if operator else text


def runtime_name() -> str:
    """Returns the runtime in use and its version, such as "ai_edge_litert 2.3.0".

    Examples:
        >>> from keras_sep.runtime import runtime_name
        >>> runtime_name().split()[0] in ("ai_edge_litert", "tflite_runtime", "tensorflow")
        True
    """
    package = _interpreter_class().__module__.split(".")[0]
    return f"{package} {getattr(importlib.import_module(package), '__version__', '')}".rstrip()


def _power(x: npt.NDArray[np.float32]) -> float:
    """Returns the sum of squares of a contiguous array: the cheapest test of every number, as NaN and infinity stay."""
    # No np.errstate: it costs half as much as all else here, and keeps quiet what only numbers beyond 1e18 bring about.
    x = x.ravel()
    return float(x.dot(x))


@functools.lru_cache(maxsize=1)
def _interpreter_class() -> Any:
    for module in _INTERPRETERS:
        try:
            imported = importlib.import_module(module)
        except ImportError:
            continue
        return imported.Interpreter
    raise ModelFileError("no TFLite runtime: `pip install ai-edge-litert`")
