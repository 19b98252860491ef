"""The test songs of a data folder, as the export reads them: `test/songs/<song>/{vocals,accompaniment}.*`.

Waveform (samples, channels), float32, full scale ±1; stems (sources, samples, channels) in the order of `spec.sources`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.scores import active_frames
from common.song_stems import PADDING_S, audio_files, folders_below, stem_files
from keras_sep.audio import AudioReader
from keras_sep.resampler import Resampler
from keras_sep.spec import StreamSpec

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Song:
    """The excerpt of a test song with the loudest voice.

    Args:
        folder: the song's; its name is the song's name.
        start: second at which the excerpt begins.
        active: (seconds,), True for each second of the excerpt with an active voice.
    """

    folder: Path
    start: int
    active: npt.NDArray[np.bool_]

    def read(self, spec: StreamSpec) -> Array:
        """Reads the stems (sources, seconds · sample_rate, C) of the excerpt; not kept, for there may be many songs."""
        rate = spec.sample_rate
        return read_stems(self.folder, spec)[:, self.start * rate : (self.start + len(self.active)) * rate]


def song_folders(data: Path) -> list[Path]:
    """Lists the folders of the test songs by name, at any depth; an empty list if there are none."""
    root = data / "test" / "songs"
    return [folder for folder in folders_below(root) if audio_files(folder)] if root.is_dir() else []


def read_test_songs(data: Path, spec: StreamSpec, seconds: int) -> tuple[list[Song], dict[str, Any]]:
    """Chooses the excerpt of every test song with the loudest voice, always the same one.

    Args:
        data: folder with `test/songs/<song>/{vocals,accompaniment}.*`, or other names of `common.song_stems`.
        spec: sample rate and channels to read at.
        seconds: length of an excerpt, ≥ 1; a shorter song is taken whole.

    Returns:
        The songs, and a description of the data: excerpts, seconds and a digest of all stems.

    Raises:
        ValueError: there is no song; or a song is shorter than a second, has silent vocals, or is refused by
            `read_stems`.
    """
    folders = song_folders(data)
    if not folders:
        raise ValueError(f"{data}: expected test/songs/<song>/{{{','.join(spec.sources)}}}.*. Received: no song")
    digest = hashlib.sha256()
    songs = []
    for folder in folders:
        for source, paths in stem_files(folder).items():
            for path in paths:
                digest.update(f"{folder.name}/{source}\n".encode() + path.read_bytes())
        songs.append(_loudest_voice(folder, read_stems(folder, spec), spec, seconds))
    about = {
        "songs": [{"name": s.folder.name, "start_s": s.start, "seconds": len(s.active)} for s in songs],
        "seconds": seconds,
        "sha256": digest.hexdigest(),
    }
    return songs, about


def _loudest_voice(folder: Path, stems: Array, spec: StreamSpec, seconds: int) -> Song:
    rate = spec.sample_rate
    vocals = stems[spec.sources.index("vocals")].astype(np.float64)
    energy = (vocals**2).reshape(-1, rate * spec.num_channels).sum(axis=1)
    if not np.any(energy):
        raise ValueError(f"{folder}: expected a second of voice or more. Received: {len(energy)} s, silent")
    # On the whole song, not the excerpt: activity is relative to the loudest second.
    active = active_frames(vocals, rate)
    count = min(seconds, len(energy))
    start = int(np.argmax(np.convolve(energy, np.ones(count), mode="valid")))
    return Song(folder, start, active[start : start + count])


def read_stems(folder: Path, spec: StreamSpec) -> Array:
    """Reads the stems (sources, samples, C) of a song as training does, cut to the whole seconds that all have.

    Other sample rates are resampled, mono is put on all channels, and for a mono network it is the mean of both.

    Raises:
        ValueError: a stem is missing, or `common.song_stems.stem_files` does not know a name; or the stems' lengths
            differ by more than 0.1 s.
        AudioError: a file is not audio or damaged, or a sample is not finite.
    """
    files = stem_files(folder)
    stems = [[_read(path, spec) for path in files[source]] for source in spec.sources]
    lengths = [len(x) for parts in stems for x in parts]
    if max(lengths) - min(lengths) > PADDING_S * spec.sample_rate:
        raise ValueError(f"{folder}: expected stems of one length. Received: {sorted(lengths)} samples")
    length = min(lengths) // spec.sample_rate * spec.sample_rate
    return np.stack([np.sum([x[:length] for x in parts], axis=0) for parts in stems])


def _read(path: Path, spec: StreamSpec) -> Array:
    with AudioReader(path, strict=True) as reader:
        channels = min(2, reader.num_channels)
        resample = Resampler(reader.sample_rate, spec.sample_rate, channels)
        parts = [resample(block[:, :2]) for block in reader.blocks()]
        parts.append(resample(np.zeros((0, channels), np.float32), last=True))
    x = np.concatenate(parts)
    if spec.num_channels == 1:
        return x.mean(axis=1, keepdims=True)
    return x if x.shape[1] == spec.num_channels else np.repeat(x, spec.num_channels, axis=1)
