"""`python -m export runtimes`: stems of the same files under another TFLite runtime or on another processor.

`write` streams an excerpt of the example song with ai-edge-litert and writes the stems; `against` streams it again
elsewhere, with any runtime, and compares. `against` needs no TensorFlow. `make check-runtimes` and `make check-arm` do
both. Stems are (sources, samples, channels), float32, full scale ±1.
"""

from __future__ import annotations

import json
import platform
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common import example_song
from common.files import written_beside
from common.markdown import decibels, table
from common.scores import snr_db
from keras_sep.errors import UnsupportedModelError
from keras_sep.metadata import read_metadata
from keras_sep.presets import presets
from keras_sep.runtime import runtime_name
from keras_sep.separator import StreamingSeparator

Array = npt.NDArray[np.float32]
START_S = 15.0  # the voice is loudest from here
LONGEST_S = 10.0  # from START_S to the song's end
BLOCK = 1000  # samples pushed at a time; not a multiple of a step

# Limits between runtimes, for one file. Runtimes add floats in different orders. In integers, a value half-way between
# two steps may therefore be rounded to the other step, and the recurrent state remembers it.
MAX_DIFFERENCE = {"float32": 1e-4, "float16": 1e-4}
MIN_SNR_DB = 25.0


def files_of(folders: Iterable[Path]) -> list[Path]:
    """Lists the files of every preset, and the .tflite files of the folders.

    Raises:
        ValueError: a folder holds no .tflite file.
    """
    files = [file.path() for preset in presets().values() for file in preset.files]
    for folder in folders:
        found = sorted(folder.glob("*.tflite"))
        if not found:
            raise ValueError(f"{folder}: expected a folder with .tflite files. Received: none")
        files += found
    return files


def stream(path: Path, seconds: float) -> Array:
    """Streams `seconds` of the example song through a file; returns the stems, including those of the flush."""
    separator = StreamingSeparator(model=path)
    rate = separator.spec.sample_rate
    song = example_song.example_song(rate, separator.spec.num_channels)
    mixture = song[round(START_S * rate) :][: round(seconds * rate)]
    parts = [separator.push(mixture[i : i + BLOCK]) for i in range(0, len(mixture), BLOCK)]
    parts.append(separator.flush())
    return np.stack([np.concatenate([part[source] for part in parts]) for source in separator.spec.sources])


def write(golden: Path, files: list[Path], seconds: float) -> None:
    """Writes the stems of each file, with the runtime and machine that made them.

    Args:
        golden: .npz file to write; a file's stems are named by the SHA-256 in its metadata.
        files: .tflite files.
        seconds: length of the excerpt, > 0 and ≤ `LONGEST_S`.

    Raises:
        ValueError: `seconds` is out of range.
    """
    if not 0 < seconds <= LONGEST_S:
        raise ValueError(f"--seconds: expected more than 0 and at most {LONGEST_S:g}. Received: {seconds:g}")
    stems: dict[str, Any] = {_metadata(path)["sha256"]: stream(path, seconds) for path in files}
    golden.parent.mkdir(parents=True, exist_ok=True)
    with written_beside(golden) as part, part.open("wb") as file:
        np.savez(file, about=json.dumps({"where": where(), "seconds": seconds}), **stems)


def against(golden: Path, files: list[Path], may_refuse: Iterable[str] = ()) -> bool:
    """Prints a table of the files; returns whether every one runs and gives the stems of `write`.

    Args:
        golden: file of `write`.
        files: the same files, or some of them.
        may_refuse: precisions that the runtime here is known not to run; a clear refusal of these is not a failure.

    Raises:
        ValueError: `golden` is not a file of `write`, or has no stems of a file.
    """
    try:
        with np.load(golden) as kept:
            about = json.loads(str(kept["about"]))
            expected = {name: kept[name] for name in kept.files if name != "about"}
    except (EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{golden}: expected a file that --write made. Received: {error}") from error
    print(f"{where()}, against {about['where']}: {about['seconds']:g} s of the example song, streamed\n")
    rows, good = [], True
    for path in files:
        metadata = _metadata(path)
        digest = metadata["sha256"]
        if digest not in expected:
            raise ValueError(f"{golden}: expected stems of {path} (SHA-256 {digest}). Received: others")
        try:
            found = stream(path, about["seconds"])
        except UnsupportedModelError as error:
            good &= metadata["precision"] in may_refuse
            rows.append([path.name, f"refused: {str(error).removeprefix(f'{path}: ')}", "", ""])
            continue
        difference, worst_db = compare(expected[digest], found)
        limit = MAX_DIFFERENCE.get(metadata["precision"])
        same = difference <= limit if limit else worst_db >= MIN_SNR_DB
        needed = f"at most {limit:g}" if limit else f"at least {MIN_SNR_DB:g} dB"
        good &= same
        result = "runs" if same else f"DIFFERENT: expected {needed}"
        rows.append([path.name, result, f"{difference:.1e}", f"{decibels(worst_db, 1)} dB"])
    print(table(["file", "result", "largest difference", "SNR"], rows))
    return good


def compare(expected: Array, found: Array) -> tuple[float, float]:
    """Returns the largest absolute difference, and the SNR of the worst stem in dB.

    They are ∞ and −∞ if `found` is not finite or has another shape.
    """
    if found.shape != expected.shape or not np.all(np.isfinite(found)):
        return np.inf, -np.inf
    return float(np.max(np.abs(expected - found))), min(map(snr_db, expected, found))


def where() -> str:
    return f"{runtime_name()}, NumPy {np.__version__}, Python {platform.python_version()}, {platform.machine()}"


def _metadata(path: Path) -> dict[str, Any]:
    return read_metadata(path.read_bytes(), str(path))
