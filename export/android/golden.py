"""Golden vectors: the results of Python that the Android demo's Kotlin must reproduce.

golden.json lists them. An array is a raw file next to it, little-endian float32, row-major, listed as
{"file", "shape"}. The models are the shipped ones, in the application's assets, and those of tests/golden: two with
constant masks, and two with the views mid and side.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
from scipy import signal

from common.example_song import example_song
from common.files import made_anew, write_json
from keras_sep.runtime import StepModel, runtime_name
from keras_sep.separator import StreamingSeparator
from keras_sep.signal import OverlapAdd, StreamingStft, magnitude_views
from keras_sep.spec import StreamSpec

Array = npt.NDArray[np.float32]
GOLDEN = Path(__file__).parents[2] / "tests" / "golden"
BLOCK_SIZES = (1, 64, 441, 480, 512, 1024, 4096, 7919)
RATES = (
    (44100, 48000),
    (48000, 44100),
    (16000, 44100),
    (44100, 16000),
    (96000, 44100),
    (44100, 22050),
    (8000, 44100),
    (44100, 44100),
)
_START_S, _LENGTH_S = 8.0, 5.003  # excerpt of the example song with voice and band; not a whole number of steps
_STEPS = 64
_STFT_FRAMES = 40
_RESAMPLED = 20011  # samples that are resampled


def write_golden(core: Path, models: Path) -> Path:
    """Writes src/test/resources/golden of the Kotlin library; it replaces the folder.

    Args:
        core: folder of the library's Gradle module.
        models: folder with the application's .tflite files.

    Returns:
        The path of the folder.

    Raises:
        ValueError: `core` does not exist, or `models` holds no .tflite file.
    """
    if not core.is_dir():
        raise ValueError(f"{core}: expected the folder of the Kotlin library. Received: none")
    shipped = sorted(models.glob("*.tflite"))
    if not shipped:
        raise ValueError(f"{models}: expected .tflite files. Received: none")
    target = core / "src" / "test" / "resources" / "golden"
    with made_anew(target) as folder:
        vectors = _Vectors(folder)
        rate = StreamSpec().sample_rate
        start = int(_START_S * rate)
        mixture = example_song()[start : start + int(_LENGTH_S * rate)]
        entries = []
        for path in (*shipped, *sorted(GOLDEN.glob("*.tflite"))):
            if path.parent == GOLDEN:
                shutil.copyfile(path, folder / path.name)
                place = path.name
            else:
                place = Path(os.path.relpath(path, target)).as_posix()
            entries.append({"file": place, **_model(vectors, path, mixture)})
        golden = {
            "format": 1,
            "runtime": runtime_name(),
            "block_sizes": BLOCK_SIZES,
            "mixture": {**vectors.write("mixture", mixture), "sample_rate": rate},
            "models": entries,
            **_stft(vectors, mixture),
            "resampling": [_resampling(vectors, mixture, *rates) for rates in RATES],
            "specs": _specs(),
        }
        write_json(folder / "golden.json", golden)
    return target


class _Vectors:
    """A writer of arrays into files of one folder."""

    def __init__(self, folder: Path):
        self._folder = folder

    def write(self, name: str, array: npt.NDArray[Any]) -> dict[str, Any]:
        np.ascontiguousarray(array, "<f4").tofile(self._folder / f"{name}.f32")
        return {"file": f"{name}.f32", "shape": list(array.shape)}


def _model(vectors: _Vectors, path: Path, mixture: Array) -> dict[str, Any]:
    separator = StreamingSeparator(model=path)
    head, tail = separator.push(mixture), separator.flush()
    again = mixture[len(mixture) // 2 :]
    separator.push(mixture[:5000])
    separator.reset()
    after_reset = separator.push(again)
    entry: dict[str, Any] = {
        "graph": separator.step.graph,
        "precision": separator.step.metadata["precision"],
        "metadata": separator.step.metadata,
        "stems": {
            source: vectors.write(f"{path.stem}-{source}", np.concatenate([head[source], tail[source]]))
            for source in separator.spec.sources
        },
        "reset_stems": {
            "samples": len(again),
            **{source: vectors.write(f"{path.stem}-reset-{source}", after_reset[source]) for source in after_reset},
        },
    }
    return {**entry, "step": _steps(vectors, path, mixture)}


def _steps(vectors: _Vectors, path: Path, mixture: Array) -> dict[str, Any]:
    """Runs the bare step from zero states; returns its inputs, its outputs and the states after each step."""
    step = StepModel(path)
    spec = step.spec
    if step.graph == "mask":
        inputs = magnitude_views(StreamingStft(spec).push(mixture[: _STEPS * spec.frame_step]), spec)
    else:
        inputs = mixture[: _STEPS * spec.frame_step].reshape(_STEPS, spec.frame_step, spec.num_channels)
    inputs = np.ascontiguousarray(inputs)
    names = [f"{source}_mask" if step.graph == "mask" else source for source in spec.sources]
    outputs: dict[str, list[Array]] = {}
    for x in inputs:
        for name, y in zip(names, step(x), strict=True):
            outputs.setdefault(name, []).append(y)
        for name, state in step.states().items():
            outputs.setdefault(f"new_{name}", []).append(state)
    return {
        "input": vectors.write(f"{path.stem}-step-input", inputs),
        "outputs": {name: vectors.write(f"{path.stem}-step-{name}", np.stack(y)) for name, y in outputs.items()},
    }


def _stft(vectors: _Vectors, mixture: Array) -> dict[str, Any]:
    """Computes the first frames of the stream, (frame, bin, channel, real and imaginary), and their overlap-add."""
    spec = StreamSpec()
    spectrum = StreamingStft(spec).push(mixture[: _STFT_FRAMES * spec.frame_step])
    return {
        "stft": vectors.write("stft", np.stack([spectrum.real, spectrum.imag], axis=-1)),
        "overlap_add": vectors.write("overlap_add", OverlapAdd(spec).push(spectrum)),
    }


def _resampling(vectors: _Vectors, mixture: Array, rate_in: int, rate_out: int) -> dict[str, Any]:
    """Resamples by SciPy with the kernel of Kotlin's resampler, and by soxr with a different one."""
    common = math.gcd(rate_in, rate_out)
    up, down = rate_out // common, rate_in // common
    x = mixture[:_RESAMPLED]
    y = x if up == down else signal.resample_poly(x.astype(np.float64), up, down, axis=0, window=kernel(up, down))
    name = f"resampled-{rate_in}-{rate_out}"
    return {
        "rate_in": rate_in,
        "rate_out": rate_out,
        "input": vectors.write(f"{name}-input", x),
        "output": vectors.write(name, y),
        "soxr": vectors.write(f"{name}-soxr", soxr.resample(x, rate_in, rate_out, quality="HQ")),
    }


def kernel(up: int, down: int) -> npt.NDArray[np.float64]:
    """Computes the low-pass kernel of Kotlin's rational resampler: 48 lobes a side under a Kaiser window with β = 10.

    It cuts off at 0.92 of the lower rate's Nyquist frequency. Its sum is 1: SciPy's resample_poly multiplies by `up`.
    """
    widest = max(up, down)
    return signal.firwin(2 * 48 * widest + 1, 0.92 / widest, window=("kaiser", 10.0))


def _specs() -> list[dict[str, Any]]:
    """Returns specs as JSON, valid and invalid, each with Python's error message, or None."""

    valid = StreamSpec().to_dict()
    changes: list[dict[str, Any]] = [
        {},
        {"frame_length": 1024, "frame_step": 256, "fft_length": 1024},
        {"fft_length": 4096},
        {"num_channels": 1},
        {"num_channels": 1, "views": ["mono"]},
        {"num_channels": 3, "views": None},
        {"views": ["left", "right", "mid", "side"]},
        {"views": ["left", "right", "side", "mid"]},
        {"views": ["mid", "side"]},
        {"views": []},
        {"num_channels": 3, "views": ["left", "right", "mid", "side"]},
        {"sources": ["voice", "drums", "bass"]},
        {"sample_rate": 7999},
        {"sample_rate": 44100.5},
        {"sample_rate": True},
        {"num_channels": 0},
        {"frame_length": 2047},
        {"frame_step": 500},
        {"frame_step": 1024},
        {"frame_step": 0},
        {"fft_length": 1024},
        {"fft_length": 2049},
        {"window": "hamming"},
        {"sources": []},
        {"sources": ["vocals", "vocals"]},
        {"sources": ["lead vocals"]},
        {"lookahead": 3},
    ]
    texts = [json.dumps({**valid, **change}) for change in changes]
    texts += [json.dumps({k: v for k, v in valid.items() if k != missing}) for missing in ("views", "window")]
    texts += ["[1, 2]", "{", ""]
    return [{"json": text, "error": _verdict(text)} for text in texts]


def _verdict(text: str) -> str | None:
    try:
        StreamSpec.from_json(text)
    except ValueError as error:
        return str(error)
    return None
