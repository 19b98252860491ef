"""Real-time speech networks with published weights, streamed as their authors stream them, to compare with ours.

Each takes `block` samples of 16 kHz mono and returns as many, delayed; transforms and overlap-add are NumPy's, as in
our mask engine. They are speech networks because no real-time separator of music publishes its weights.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from common.onnx_step import onnx_session
from keras_sep import runtime
from keras_sep.engine import build_engine
from keras_sep.runtime import StepModel

Array = npt.NDArray[np.float32]
DTLN_FILES = {"float32": ("model_1", "model_2"), "quantised": ("model_quant_1", "model_quant_2")}
GTCRN_FILE = "gtcrn_simple.onnx"


class Stream(Protocol):
    """A system that takes blocks (block, num_channels) one after the other."""

    sample_rate: int
    num_channels: int
    block: int

    def __call__(self, samples: Array) -> Any: ...


class Ours:
    """A file of ours with everything from samples to samples: for a mask core also the STFT and the overlap-add."""

    def __init__(self, path: Path):
        self._engine = build_engine(StepModel(path))
        spec = self._engine.spec
        self.sample_rate, self.num_channels, self.block = spec.sample_rate, spec.num_channels, spec.frame_step

    def __call__(self, samples: Array) -> Array:
        return self._engine.synthesise(self._engine.infer(self._engine.analyse(samples)))


class Dtln:
    """Dual-signal Transformation LSTM Network: Westhausen and Meyer, Interspeech 2020 (github.com/breizhn/DTLN, MIT).

    The first file computes a mask for the spectrum of the last 512 samples; the second file refines the masked samples,
    which are overlap-added. There are no windows: the second network learned to do without.

    Args:
        first: .tflite file, magnitude (1, 1, 257) and state in, mask and state out.
        second: .tflite file, samples (1, 1, 512) and state in and out.
    """

    sample_rate, num_channels, block = 16000, 1, 128
    length = 512

    def __init__(self, first: Path, second: Path):
        self._mask, self._refine = _Recurrent(first), _Recurrent(second)
        self._heard, self._sum = np.zeros(self.length, np.float32), np.zeros(self.length, np.float32)

    def __call__(self, samples: Array) -> Array:
        self._heard = np.concatenate([self._heard[self.block :], samples[:, 0]])
        spectrum = np.fft.rfft(self._heard)
        mask = self._mask(np.abs(spectrum).astype(np.float32))
        estimate = np.fft.irfft(mask * spectrum).astype(np.float32)
        self._sum = np.concatenate([self._sum[self.block :], np.zeros(self.block, np.float32)])
        self._sum += self._refine(estimate)
        return self._sum[: self.block, None].copy()


class _Recurrent:
    """One of DTLN's files, which have no signature: its signals have three dimensions, its states four."""

    def __init__(self, path: Path):
        self._interpreter = runtime._interpreter_class()(model_path=str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        (self._x, self._state), (self._y, self._new) = (
            [tensor["index"] for tensor in sorted(details, key=lambda tensor: len(tensor["shape"]))]
            for details in (inputs, outputs)
        )
        self._carried = np.zeros(self._interpreter.get_tensor(self._state).shape, np.float32)

    def __call__(self, x: Array) -> Array:
        self._interpreter.set_tensor(self._x, x[None, None])
        self._interpreter.set_tensor(self._state, self._carried)
        self._interpreter.invoke()
        self._carried = self._interpreter.get_tensor(self._new)
        return self._interpreter.get_tensor(self._y)[0, 0]


class Gtcrn:
    """Grouped Temporal Convolutional Recurrent Network: Rong et al., ICASSP 2024 (github.com/Xiaobin-Rong/gtcrn, MIT).

    An STFT of 512 samples every 256, with the square root of a Hann window before and after; the caches that a call
    returns go into the next one.

    Args:
        path: .onnx file, mix (1, 257, 1, 2), real and imaginary part, and *_cache in, enh and *_cache_out out.
    """

    sample_rate, num_channels, block = 16000, 1, 256
    length = 512

    def __init__(self, path: Path):
        self._session = onnx_session(path)
        shapes = {tensor.name: tensor.shape for tensor in self._session.get_inputs()}
        self._caches = {name: np.zeros(shape, np.float32) for name, shape in shapes.items() if name != "mix"}
        self._names = ["enh", *(f"{name}_out" for name in self._caches)]
        phase = 2 * np.pi * np.arange(self.length) / self.length
        self._window = np.sqrt(0.5 - 0.5 * np.cos(phase)).astype(np.float32)
        self._heard, self._sum = np.zeros(self.length, np.float32), np.zeros(self.length, np.float32)

    def __call__(self, samples: Array) -> Array:
        self._heard = np.concatenate([self._heard[self.block :], samples[:, 0]])
        spectrum = np.fft.rfft(self._heard * self._window)
        mix = np.stack([spectrum.real, spectrum.imag], axis=1).astype(np.float32)[None, :, None]
        enhanced, *caches = self._session.run(self._names, {"mix": mix, **self._caches})
        self._caches = dict(zip(self._caches, caches, strict=True))
        frame = np.fft.irfft(enhanced[0, :, 0, 0] + 1j * enhanced[0, :, 0, 1]).astype(np.float32)
        self._sum = np.concatenate([self._sum[self.block :], np.zeros(self.block, np.float32)])
        self._sum += frame * self._window
        return self._sum[: self.block, None].copy()


def require_peers(folder: Path) -> None:
    """Raises ValueError, which names what is missing, if the folder lacks a file of DTLN or GTCRN."""
    names = [f"dtln/{name}.tflite" for pair in DTLN_FILES.values() for name in pair] + [f"gtcrn/{GTCRN_FILE}"]
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise ValueError(f"{folder}: expected {', '.join(names)}. Received: none of {', '.join(missing)}")


def load_peers(folder: Path) -> dict[str, Stream]:
    """Opens the peers in a folder, by name; GTCRN only where onnxruntime is installed."""
    dtln = folder / "dtln"
    streams: dict[str, Stream] = {
        f"DTLN ({kind})": Dtln(dtln / f"{first}.tflite", dtln / f"{second}.tflite")
        for kind, (first, second) in DTLN_FILES.items()
    }
    if importlib.util.find_spec("onnxruntime"):
        streams["GTCRN (float32, onnx)"] = Gtcrn(folder / "gtcrn" / GTCRN_FILE)
    return streams
