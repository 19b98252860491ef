"""Real music for the ranges of a quantised network's activations, and the states that belong to it.

Waveform (samples, channels), float32, full scale ±1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.songs import open_stem, song_folders, stem_files
from keras_sep.signal import StreamingStft, magnitude_views
from keras_sep.spec import StreamSpec
from keras_sep.tflite.graphs import Graph

Array = npt.NDArray[np.float32]
SECONDS = 8.0  # of each song, from its middle: intros are quiet
EVERY = 8  # steps from one sample to the next; neighbours are alike


@dataclass(frozen=True)
class Calibration:
    """What calibrates.

    Args:
        mixtures: waveforms; each starts from zero states.
        check: another waveform, with voice, on which a file is compared with Keras.
        about: goes into the metadata of every file calibrated with it.
    """

    mixtures: list[Array]
    check: Array
    about: dict[str, Any]


def read_calibration(data: Path, spec: StreamSpec) -> Calibration:
    """The middle of every training song, always the same: vocals + accompaniment. The last song checks.

    Args:
        data: folder with `train/songs/<song>/{vocals,accompaniment}.*`.
        spec: format that the songs must have.

    Raises:
        ValueError: fewer than two songs, a song without one file for each source, or of another rate or channel count.
    """
    folders = song_folders(data, "train")
    if len(folders) < 2:
        raise ValueError(
            f"{data}: expected train/songs/<song>/{{{','.join(spec.sources)}}}.* of two songs or more. "
            f"Received: {len(folders)}"
        )
    digest = hashlib.sha256()
    mixtures = []
    for folder in folders:
        stems = []
        for source, file in stem_files(folder, spec).items():
            digest.update(f"{folder.name}/{source}\n".encode() + file.read_bytes())
            stems.append(_middle(file, spec))
        length = min(map(len, stems))
        mixtures.append(np.stack([stem[:length] for stem in stems]).sum(axis=0))
    *names, checked_on = [folder.name for folder in folders]
    about = {"songs": names, "checked_on": checked_on, "seconds_each": SECONDS, "sha256": digest.hexdigest()}
    return Calibration(mixtures[:-1], mixtures[-1], about)


def _middle(path: Path, spec: StreamSpec) -> Array:
    with open_stem(path, spec) as file:
        count = round(SECONDS * spec.sample_rate)
        file.seek(max(0, (file.frames - count) // 2))
        return file.read(count, dtype="float32", always_2d=True)


def step_inputs(module: Graph, mixtures: list[Array]) -> Iterator[dict[str, Array]]:
    """Inputs of every `EVERY`-th step while the float graph streams the mixtures: the states are real ones.

    Yields:
        One array for each input of the signature, by name: a list would be reordered silently.
    """
    spec = module.spec
    for mixture in mixtures:
        if module.kind == "mask":
            frames = magnitude_views(StreamingStft(spec).push(mixture), spec)[:, None, None]
        else:
            whole = len(mixture) // spec.frame_step * spec.frame_step
            frames = mixture[:whole].reshape(-1, 1, spec.frame_step, spec.num_channels)
        shapes = module.input_shapes()
        states = {name: np.zeros(shape, np.float32) for name, shape in shapes.items() if name.startswith("state_")}
        stream = next(name for name in shapes if name not in states)
        for t, frame in enumerate(frames):
            inputs = {stream: np.ascontiguousarray(frame), **states}
            if t % EVERY == 0:
                yield inputs
            outputs = module.step(inputs)
            states = {name: outputs[f"new_{name}"].numpy() for name in states}
