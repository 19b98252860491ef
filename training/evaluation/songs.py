"""The songs to score, and the guard against scoring weights on what they learned from."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.datasets import load_split
from training.datasets.leakage import DIGITS, pool_songs, refuse_shared, run_hashes, run_songs, stem_hashes
from training.stems import Song, StemPool


@dataclass(frozen=True)
class Heard:
    """What weights have learned from: names of songs, and SHA-256 of stems or their first digits."""

    songs: frozenset[str] = frozenset()
    stems: frozenset[str] = frozenset()


def splits_heard(split: str) -> tuple[str, ...]:
    """What counts when `split` is scored: the validation songs were heard by all weights, and may be scored as such."""
    return ("train",) if split == "valid" else ("train", "valid")


def heard_by_run(run: Path, split: str) -> Heard:
    """Of a run and of its teachers; one that is not where it was gets a warning on stderr.

    Raises:
        ValueError: if the run has no readable config.json or manifest.json.
    """
    runs, seen = [run], splits_heard(split)
    while teacher := _config(runs[-1]).get("teacher"):
        if not (Path(teacher) / "manifest.json").exists():
            print(
                f"warning: {teacher}, the teacher of {run}, is not there; songs it heard go unnoticed", file=sys.stderr
            )
            break
        runs.append(Path(teacher))
    return Heard(
        frozenset(name for each in runs for name in run_songs(each, seen)),
        frozenset(sha256 for each in runs for sha256 in run_hashes(each, seen)),
    )


def _config(run: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((run / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ValueError(f"{run}: expected a run folder of `python -m training train`: {error}") from error


def heard_by_file(provenance: dict[str, Any], split: str, name: str) -> Heard:
    """Of a .tflite file or a preset, from its provenance; one that does not say gets a warning on stderr."""
    try:
        parts = [provenance["trained_on"][part] for part in splits_heard(split)]
        return Heard(
            frozenset(song for part in parts for song in part["songs"]),
            frozenset(stem for part in parts for stem in part["stems"]),
        )
    except (KeyError, TypeError):
        print(f"warning: {name} does not say what it was trained on; shared songs go unnoticed", file=sys.stderr)
        return Heard()


@contextmanager
def scored_songs(
    data: Path,
    split: Any,
    sample_rate: int,
    *,
    dataset: str = "folder",
    cache: Path | None = None,
    strict: bool = False,
    heard: Heard = Heard(),  # it is frozen
    exclude_shared: bool = False,
) -> Iterator[list[Song]]:
    """The songs of a split, decoded into `cache` or a folder that goes with the context.

    Raises:
        ValueError: for songs that are `heard`, unless they are to be left out.
    """
    with tempfile.TemporaryDirectory() as folder:
        pool = load_split(
            data,
            split,
            cache or Path(folder),
            sample_rate,
            dataset=dataset,
            strict=strict,
            exclude=heard.songs if exclude_shared else (),
        )
        songs = StemPool(songs=pool.songs)  # nothing else of the split is scored
        if exclude_shared:  # under another name, too
            known = {sha256[:DIGITS] for sha256 in heard.stems}
            songs.songs = [
                song
                for song in songs.songs
                if not {s.sha256[:DIGITS] for s in (song.vocals, song.accompaniment)} & known
            ]
        refuse_shared(
            heard.songs,
            pool_songs(songs),
            "the songs to score",
            trained_sha256=heard.stems,
            other_sha256=stem_hashes(songs),
        )
        yield songs.songs
