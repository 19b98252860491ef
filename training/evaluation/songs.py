"""The songs to score, and the guard against scoring weights on what they learned from."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.exposure import DIGITS, TrainingExposure, splits_exposed
from training.data.datasets import load_split
from training.data.datasets.leakage import pool_songs, refuse_shared, stem_hashes
from training.data.stems import Song, StemPool


def exposure_of_file(provenance: dict[str, Any], name: str) -> TrainingExposure:
    """Of a .tflite file or a preset, from its provenance; one that does not say gets a warning on stderr."""
    try:
        return TrainingExposure.of_provenance(provenance["trained_on"])
    except (KeyError, TypeError):
        print(f"warning: {name} does not say what it was trained on; shared songs go unnoticed", file=sys.stderr)
        return TrainingExposure()


@contextmanager
def scored_songs(
    data: Path,
    split: Any,
    sample_rate: int,
    *,
    dataset: str = "folder",
    cache: Path | None = None,
    strict: bool = False,
    exposure: TrainingExposure | None = None,
    exclude_shared: bool = False,
) -> Iterator[list[Song]]:
    """The songs of a split, decoded into `cache` or a folder that goes with the context.

    Raises:
        ValueError: for songs that `exposure` holds, unless they are to be left out.
    """
    exposure, exposed = exposure or TrainingExposure(), splits_exposed(split)
    trained_songs, trained_stems = exposure.songs(exposed), exposure.stems(exposed)
    with tempfile.TemporaryDirectory() as folder:
        pool = load_split(
            data,
            split,
            cache or Path(folder),
            sample_rate,
            dataset=dataset,
            strict=strict,
            exclude=trained_songs if exclude_shared else (),
        )
        songs = StemPool(songs=pool.songs)  # nothing else of the split is scored
        if exclude_shared:  # under another name, too
            songs.songs = [
                song
                for song in songs.songs
                if not {s.sha256[:DIGITS] for s in (song.vocals, song.accompaniment)} & trained_stems
            ]
        refuse_shared(
            sorted(trained_songs),
            pool_songs(songs),
            "the songs to score",
            trained_sha256=trained_stems,
            other_sha256=stem_hashes(songs),
        )
        yield songs.songs
