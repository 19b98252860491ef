"""The score of a single source: how much of music comes out in the vocals, and of a voice in the accompaniment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.markdown import decibels, table
from training.data.datasets import load_split
from training.evaluation import methods
from training.evaluation.methods import Method
from training.evaluation.scored_mixture import SOURCES, ScoredMixture, Waveform


def suppression_table(models: Sequence[str], data: Path, split: Any, cache: Path) -> str:
    """Separates recordings of a single source; returns a Markdown table of the energy in the wrong stem.

    The energy is relative to that of the recording, in dB; lower is better. There is a row for each recording, and one
    for the median of each source. The recordings are the instrumentals of a split, and the accompaniments and the
    vocals of its songs.

    Args:
        models: presets, as they stream, or run folders, in Keras.
        data: folder of stems.
        split: "train", "valid" or "test".
        cache: folder for decoded audio.

    Raises:
        ValueError: a model is neither a preset nor a run, or the models have different sample rates.
    """
    chosen, rate = methods.of_models(models)
    pool = load_split(data, split, cache, rate)
    recordings = [("accompaniment", stem) for stem in pool.instrumentals]
    recordings += [("accompaniment", song.accompaniment) for song in pool.songs]
    recordings += [("vocals", song.vocals) for song in pool.songs]
    lines: list[list[str]] = []
    values: dict[str, list[list[float]]] = {source: [] for source in SOURCES}
    for source, stem in recordings:
        waveform = stem.read(0, len(stem.audio))
        row = [_wrong_stem_db(method, source, waveform, rate) for method in chosen]
        values[source].append(row)
        lines.append([source, stem.path, *map(decibels, row)])
    for source, rows in values.items():
        if rows:
            medians = [decibels(float(x)) for x in np.median(rows, axis=0)]
            lines.append([source, f"median of {len(rows)}", *medians])
    return table(["alone", "file", *(method.label for method in chosen)], lines)


def _wrong_stem_db(method: Method, source: str, waveform: Waveform, sample_rate: int) -> float:
    stems = method.separate(ScoredMixture("alone", sample_rate, {source: waveform}, waveform))
    (wrong,) = (name for name in SOURCES if name != source)
    return _energy_db(stems[wrong]) - _energy_db(waveform)


def _energy_db(x: Waveform) -> float:
    return float(10 * np.log10(np.mean(np.square(x, dtype=np.float64)) + 1e-12))
