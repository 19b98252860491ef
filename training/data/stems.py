"""The decoded recordings of a split, as memory-mapped arrays; `training.data.datasets` reads them."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Audio = npt.NDArray[np.int16]


@dataclass
class Stem:
    """A decoded signal.

    Args:
        path: of its file, relative to the data set; see `training.data.datasets.track.label`.
        kind: "vocals" or "accompaniment" of a song, or the kind of a recording of a pool.
        audio: int16 (samples, 1 or 2), memory-mapped; the signal is `audio * scale / 32768`.
        licence: as the data set states it, or "".
        sha256: see `training.data.datasets.cache.Entry`.
        scale: > 0; 1 unless the signal exceeds full scale.
        song: name of its song, or "".
        dataset: name of its data set.
    """

    path: str
    kind: str
    audio: Audio
    licence: str = ""
    sha256: str = ""
    scale: float = 1.0
    song: str = ""
    dataset: str = ""

    def read(self, start: int, samples: int) -> npt.NDArray[np.float32]:
        """Reads float32 (samples, channels), full scale ±1, which a sum of stems may exceed; zeros past the end."""
        block = self.audio[start : start + samples].astype(np.float32) * np.float32(self.scale / 32768)
        return np.pad(block, ((0, samples - len(block)), (0, 0)))

    def __getstate__(self) -> dict[str, Any]:
        """Returns the state for another process, which maps the same file into memory; the audio is not copied."""
        if not isinstance(self.audio, np.memmap) or not self.audio.flags.c_contiguous:
            return self.__dict__
        root, mapped = self.audio, np.frombuffer(self.audio._mmap, np.uint8)  # type: ignore[attr-defined]
        begin = root.offset - root.offset % mmap.ALLOCATIONGRANULARITY
        offset = begin + root.ctypes.data - mapped.ctypes.data
        return {**self.__dict__, "audio": None, "mapped": (root.filename, offset, root.shape)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if mapped := state.pop("mapped", None):
            path, offset, shape = mapped
            state["audio"] = np.memmap(path, np.int16, "r", offset, shape)
        self.__dict__.update(state)


@dataclass
class Song:
    name: str
    vocals: Stem
    accompaniment: Stem
    dataset: str = ""


@dataclass
class StemPool:
    """The recordings of one split: songs, and pools of voices and music outside songs."""

    songs: list[Song] = field(default_factory=list)
    voices: list[Stem] = field(default_factory=list)
    instrumentals: list[Stem] = field(default_factory=list)
    instrument_tracks: list[Stem] = field(default_factory=list)

    def stems(self) -> Iterator[Stem]:
        for song in self.songs:
            yield song.vocals
            yield song.accompaniment
        yield from self.voices
        yield from self.instrumentals
        yield from self.instrument_tracks


def split_in_time(pool: StemPool, share: float = 0.2) -> tuple[StemPool, StemPool]:
    """Splits every recording in two; returns a pool of the beginnings and a pool of the last `share` of each."""

    def part(stem: Stem, late: bool) -> Stem:
        cut = round(len(stem.audio) * (1 - share))
        return replace(stem, audio=stem.audio[cut:] if late else stem.audio[:cut])

    early, late = (
        StemPool(
            [replace(s, vocals=part(s.vocals, x), accompaniment=part(s.accompaniment, x)) for s in pool.songs],
            *([part(stem, x) for stem in stems] for stems in (pool.voices, pool.instrumentals, pool.instrument_tracks)),
        )
        for x in (False, True)
    )
    return early, late
