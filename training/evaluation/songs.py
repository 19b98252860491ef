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
from training.datasets.leakage import pool_songs, refuse_shared, run_hashes, run_songs, stem_hashes
from training.stems import Song


@dataclass(frozen=True)
class Heard:
    """What weights have learned from: names of songs, and SHA-256 of stems or their first digits."""

    songs: frozenset[str] = frozenset()
    stems: frozenset[str] = frozenset()


def splits_heard(split: str) -> tuple[str, ...]:
    """What counts when `split` is scored: the validation songs were heard by all weights, and may be scored as such."""
    return ("train",) if split == "valid" else ("train", "valid")


def heard_by_run(run: Path, split: str) -> Heard:
    """Of a run and of its teacher, if that is still there.

    Raises:
        ValueError: if the run has no readable config.json or manifest.json.
    """
    try:
        teacher = json.loads((run / "config.json").read_text(encoding="utf-8")).get("teacher")
    except (OSError, ValueError) as error:
        raise ValueError(f"{run}: expected a run folder of `python -m training train`: {error}") from error
    runs = [run] + ([Path(teacher)] if teacher and (Path(teacher) / "manifest.json").exists() else [])
    seen = splits_heard(split)
    return Heard(
        frozenset(name for each in runs for name in run_songs(each, seen)),
        frozenset(sha256 for each in runs for sha256 in run_hashes(each, seen)),
    )


def heard_by_file(provenance: dict[str, Any], split: str, name: str) -> Heard:
    """Of a .tflite file or a preset, from its provenance; one that does not say gets a warning on stderr."""
    known = provenance.get("trained_on")
    if not known:
        print(f"warning: {name} does not say what it was trained on; shared songs go unnoticed", file=sys.stderr)
        return Heard()
    parts = [known[part] for part in splits_heard(split) if part in known]
    return Heard(
        frozenset(song for part in parts for song in part["songs"]),
        frozenset(stem for part in parts for stem in part["stems"]),
    )


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
        refuse_shared(
            heard.songs,
            pool_songs(pool),
            "the songs to score",
            trained_sha256=heard.stems,
            other_sha256=stem_hashes(pool),
        )
        yield pool.songs
