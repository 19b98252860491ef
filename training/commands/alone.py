"""One source alone: how much of music without voice comes out as voice, and of a voice alone as accompaniment."""

from __future__ import annotations

import numpy as np

from common.markdown import decibels, table
from training.data.stems import StemPool
from training.evaluation.methods import Method
from training.evaluation.scene import SOURCES, Scene, Waveform


def alone(pool: StemPool, methods: list[Method], sample_rate: int) -> str:
    """A Markdown table: the wrong stem's energy below that of what was heard, dB, and the medians.

    Heard alone are a split's instrumentals, and the accompaniments and the vocals of its songs.
    """
    cases = [("accompaniment", stem) for stem in pool.instrumentals]
    cases += [("accompaniment", song.accompaniment) for song in pool.songs]
    cases += [("vocals", song.vocals) for song in pool.songs]
    lines: list[list[str]] = []
    values: dict[str, list[list[float]]] = {source: [] for source in SOURCES}
    for source, stem in cases:
        heard = stem.read(0, len(stem.audio))
        heard = np.repeat(heard, 2 // heard.shape[1], axis=1)
        scene = Scene("alone", sample_rate, {source: heard}, heard)
        (wrong,) = (name for name in SOURCES if name != source)
        row = [_energy_db(heard) - _energy_db(method.separate(scene)[wrong]) for method in methods]
        values[source].append(row)
        lines.append([source, stem.path, *(decibels(-x) for x in row)])
    for source, rows in values.items():
        if rows:
            medians = [decibels(-float(x)) for x in np.median(rows, axis=0)]
            lines.append([source, f"median of {len(rows)}", *medians])
    return table(["alone", "file", *(method.label for method in methods)], lines)


def _energy_db(x: Waveform) -> float:
    return float(10 * np.log10(np.mean(np.square(x, dtype=np.float64)) + 1e-12))
