"""A track, as a reader lists it, with the files to decode for each stem; nothing here opens an audio file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np

SONG_STEMS = ("vocals", "accompaniment")

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """One signal of a stem: an audio file, or the audio stream `stream` of a container, multiplied by `gain`."""

    path: Path
    stream: int | None = None
    gain: float = 1.0


@dataclass(frozen=True)
class Track:
    """A song, or a recording of a pool, before decoding.

    Args:
        name: of the song, or of the file without its suffix.
        dataset: name of its data set, one of `training.data.datasets.DATASETS`.
        kind: "song"; or for a pool "voice", "voice_melodised", "instrumental" or "instrument_track".
        stems: signals to add up for each stem. A song has "vocals" and "accompaniment"; a recording of a pool has one,
            named after its kind.
        licence: as the data set states it.
        licence_family: "free", "nc", or "" if it is not known.
        has_bleed: whether the data set says that stems contain some sound of other instruments.
        problem: why the track cannot be used; it is then named and skipped like an unreadable file.
    """

    name: str
    dataset: str
    kind: str
    stems: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)
    licence: str = ""
    licence_family: str = ""
    has_bleed: bool = False
    problem: str = ""


def label(sources: Sequence[Source], data: Path) -> str:
    """Formats the path of a stem below `data` for manifests: "a/vocals.wav", "a/bass+drums.wav", "a.stem.mp4#1+2+3"."""
    paths = list(dict.fromkeys(source.path for source in sources))
    text = paths[0].relative_to(data).as_posix()
    if len(paths) > 1:
        text = text.removesuffix(paths[0].suffix) + "".join(f"+{path.stem}" for path in paths[1:]) + paths[0].suffix
    streams = [str(source.stream) for source in sources if source.stream is not None]
    return f"{text}#{'+'.join(streams)}" if streams else text


def files_of(text: str, known: Collection[str]) -> list[str]:
    """Returns the files of a stem by its `label`: several of `known` for a sum, "a/bass+drums.wav", else itself."""
    path = PurePosixPath(text)
    parts = path.stem.split("+")
    if text in known or len(parts) == 1:
        return [text]
    by_name = {PurePosixPath(file).with_suffix(""): file for file in known}  # the label has only the first's suffix
    files = (path.with_name(part) for part in parts)
    return [by_name.get(file, f"{file}{path.suffix}") for file in files]


def hold_out(items: Sequence[T], count: int) -> tuple[list[T], list[T]]:
    """Draws `count` items, always the same ones, so that a data set has one validation part for runs of every seed.

    Returns:
        The rest, and the drawn items, both in the order of `items`.
    """
    drawn = set(np.random.default_rng(0).permutation(len(items))[:count].tolist())
    kept = [item for index, item in enumerate(items) if index not in drawn]
    return kept, [item for index, item in enumerate(items) if index in drawn]


def fifth(items: Sequence[T]) -> tuple[list[T], list[T]]:
    """Draws a fifth, at least one item, for data sets without a validation part; returns as `hold_out`."""
    return hold_out(items, max(1, len(items) // 5)) if items else ([], [])


def folders(path: Path) -> list[Path]:
    """Lists the folders in `path` by name, without hidden ones (macOS leaves `._x` behind); [] if `path` is missing."""
    if not path.is_dir():
        return []
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))
