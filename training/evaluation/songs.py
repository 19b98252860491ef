"""The songs to score, with a guard against scoring weights on songs that they were trained on."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.exposure import TrainingExposure, splits_exposed
from training.data.datasets import load_split
from training.data.datasets.leakage import pool_songs, refuse_shared, stem_hashes, without_stems
from training.data.stems import Song, StemPool


def exposure_of_file(provenance: dict[str, Any], name: str) -> TrainingExposure:
    """Returns the training exposure of a .tflite file or a preset from its provenance.

    If the provenance does not state it, prints a warning on stderr and returns an empty one.
    """
    try:
        return TrainingExposure.of_provenance(provenance["trained_on"])
    except (KeyError, TypeError):
        print(f"warning: {name} does not say what it was trained on; shared songs are not detected", file=sys.stderr)
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
    """Yields the songs of a split, decoded into `cache` or into a folder that is deleted with the context.

    Args:
        data, split, sample_rate, dataset, cache, strict: as for `training.data.datasets.load_split`.
        exposure: recordings that the weights were trained on.
        exclude_shared: leaves songs that `exposure` holds out; otherwise they are an error.

    Raises:
        ValueError: the weights were trained on some of the songs, or `load_split` refuses an argument or the data.
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
        if exclude_shared:  # a song may have another name, so recordings are compared, too
            songs = without_stems(songs, trained_stems)
        refuse_shared(
            sorted(trained_songs),
            pool_songs(songs),
            "the songs to score",
            trained_sha256=trained_stems,
            other_sha256=stem_hashes(songs),
        )
        yield songs.songs
