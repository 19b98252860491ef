"""Calibration: real music that sets the ranges of a quantised network's activations.

Waveform (samples, channels), float32, full scale ±1.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.data.song_stems import open_stem, song_folders, stem_files
from keras_sep.spec import StreamSpec

Array = npt.NDArray[np.float32]
SECONDS = 8.0  # of each song, from its middle, because intros are quiet


@dataclass(frozen=True)
class Calibration:
    """The music to calibrate with, and to check the calibrated file on.

    Args:
        mixtures: waveforms to calibrate with; each starts from zero states.
        check: another waveform, with voice, on which the file is compared with Keras.
        about: names of the songs, seconds and a digest, for the metadata of every calibrated file.
    """

    mixtures: list[Array]
    check: Array
    about: dict[str, Any]


def read_calibration(data: Path, spec: StreamSpec) -> Calibration:
    """Reads the middle of every training song, always the same seconds; the last song by name is kept for the check.

    Args:
        data: folder with `train/songs/<song>/{vocals,accompaniment}.*`.
        spec: sample rate and channels that the songs must have.

    Raises:
        ValueError: there are fewer than two songs; or a song lacks the one file of a source, or has another sample rate
            or channel count.
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
