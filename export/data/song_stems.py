"""The songs of a data folder, as the export reads them: `<split>/songs/<song>/{vocals,accompaniment}.*`.

Waveform (samples, channels), float32, full scale ±1; stems (sources, samples, channels) in the order of `spec.sources`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from common.scores import active_frames
from keras_sep.spec import StreamSpec

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Song:
    """The excerpt of a test song with the most voice.

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
    """Lists the folders of the test songs by name; an empty list if there are none."""
    return sorted(path for path in (data / "test" / "songs").glob("[!.]*") if path.is_dir())


def stem_files(folder: Path, spec: StreamSpec) -> dict[str, Path]:
    """Finds the file of each source of a song.

    Raises:
        ValueError: a source has no file, or more than one.
    """
    result = {}
    for source in spec.sources:
        files = sorted(folder.glob(f"{source}.*"))
        if len(files) != 1:
            raise ValueError(f"{folder}: expected one file {source}.*. Received: {len(files)}")
        result[source] = files[0]
    return result


def open_stem(path: Path, spec: StreamSpec) -> soundfile.SoundFile:
    """Opens a recording.

    Raises:
        ValueError: the file is not audio, or has another sample rate or channel count than the spec.
    """
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{path}: expected audio. Received: {error}") from error
    if (file.samplerate, file.channels) != (spec.sample_rate, spec.num_channels):
        raise ValueError(
            f"{path}: expected {spec.sample_rate} Hz and {spec.num_channels} channels. "
            f"Received: {file.samplerate} Hz and {file.channels}"
        )
    return file


def read_test_songs(data: Path, spec: StreamSpec, seconds: int) -> tuple[list[Song], dict[str, Any]]:
    """Chooses the excerpt of every test song with the most voice, always the same one.

    Args:
        data: folder with `test/songs/<song>/{vocals,accompaniment}.*`.
        spec: sample rate and channels that the songs must have.
        seconds: length of an excerpt, ≥ 1; a shorter song is taken whole.

    Returns:
        The songs, and a description of the data: excerpts, seconds and a digest of all stems.

    Raises:
        ValueError: there is no song; or a song is shorter than a second, has silent vocals, or is refused by
            `stem_files` or `open_stem`.
    """
    folders = song_folders(data)
    if not folders:
        raise ValueError(f"{data}: expected test/songs/<song>/{{{','.join(spec.sources)}}}.*. Received: no song")
    digest = hashlib.sha256()
    songs = []
    for folder in folders:
        for source, path in stem_files(folder, spec).items():
            digest.update(f"{folder.name}/{source}\n".encode() + path.read_bytes())
        songs.append(_most_active(folder, read_stems(folder, spec), spec, seconds))
    about = {
        "songs": [{"name": s.folder.name, "start_s": s.start, "seconds": len(s.active)} for s in songs],
        "seconds": seconds,
        "sha256": digest.hexdigest(),
    }
    return songs, about


def _most_active(folder: Path, stems: Array, spec: StreamSpec, seconds: int) -> Song:
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
    """Reads the stems (sources, samples, C) of a song, cut to the whole seconds that all of them have."""
    stems = []
    for path in stem_files(folder, spec).values():
        with open_stem(path, spec) as file:
            stems.append(file.read(dtype="float32", always_2d=True))
    length = min(map(len, stems)) // spec.sample_rate * spec.sample_rate
    return np.stack([x[:length] for x in stems])
