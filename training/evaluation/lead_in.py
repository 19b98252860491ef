"""The first seconds of a song, and what was before them: nothing, digital silence or a noise floor.

A live session begins with the noise of its input. A network that takes its measure of loudness from that noise, or
whose memories fill up with it, separates the first seconds of the song worse than from a cold start.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.markdown import decibels, table
from common.scores import active_frames, snr_db
from training.data.datasets import load_split
from training.evaluation import methods
from training.evaluation.methods import Method
from training.evaluation.scored_mixture import ScoredMixture, Waveform

SECONDS = 2  # that are scored …
BEFORE_S = 20  # … after so many of what was before
LEVELS_DB = {"digital silence": None, "noise at −90 dB": -90.0, "noise at −60 dB": -60.0}


def first_seconds_table(models: Sequence[str], data: Path, split: Any, cache: Path) -> str:
    """Returns a Markdown table: SDR of the voice in a song's first two seconds of singing, dB, by what was before.

    Each song is entered where its voice first sounds for two seconds on end. "nothing" is a cold start; the other
    columns are differences from it, after 20 s of digital silence and of white noise.

    Args:
        models: presets, as they stream, or run folders, in Keras.
        data: folder of stems.
        split: "train", "valid" or "test".
        cache: folder for decoded audio.

    Raises:
        ValueError: neither a preset nor a run, networks of different sample rates, or no song with such a place.
    """
    chosen, rate = methods.of_models(models)
    lines: list[list[str]] = []
    values: list[list[list[float]]] = [[] for _ in chosen]
    for song in load_split(data, split, cache, rate).songs:
        references = ScoredMixture.of_song(song, rate).references
        start = _first_singing(references["vocals"], rate)
        if start is None:
            continue
        part = {source: x[start : start + SECONDS * rate] for source, x in references.items()}
        scored = ScoredMixture(song.name, rate, part)
        for method, rows in zip(chosen, values, strict=True):
            sdr = [_voice_sdr(method, scored, before) for before in _befores(scored.mixture.shape[1], rate)]
            row = [sdr[0], *(x - sdr[0] for x in sdr[1:])]
            rows.append(row)
            lines.append([method.label, song.name, *map(decibels, row)])
    if not lines:
        raise ValueError(f"expected a song whose voice sounds for {SECONDS} s on end. Received: {data}, {split}")
    for method, rows in zip(chosen, values, strict=True):
        lines.append([method.label, f"mean of {len(rows)}", *(decibels(float(x)) for x in np.mean(rows, axis=0))])
    return table(["model", "song", "nothing", *LEVELS_DB], lines)


def _first_singing(vocals: Waveform, rate: int) -> int | None:
    """Returns the first sample of the first whole seconds on end in which there is voice, or None."""
    active = active_frames(vocals, rate)
    runs = np.all([active[i : len(active) - SECONDS + 1 + i] for i in range(SECONDS)], axis=0)
    return int(np.argmax(runs)) * rate if runs.any() else None


def _befores(channels: int, rate: int) -> list[Waveform]:
    """Makes what a stream gets before the song, in the order of the columns."""
    white = np.random.default_rng(0).standard_normal((BEFORE_S * rate, channels), np.float32)
    gains = [0.0 if level is None else 10 ** (level / 20) for level in LEVELS_DB.values()]
    return [white[:0], *(np.float32(gain) * white for gain in gains)]


def _voice_sdr(method: Method, scored: ScoredMixture, before: Waveform) -> float:
    """Returns the SDR over the scored seconds as one window."""
    mixture = np.concatenate([before, scored.mixture])
    silence = np.zeros_like(before)
    references = {source: np.concatenate([silence, x]) for source, x in scored.references.items()}
    stems = method.separate(ScoredMixture(scored.song, scored.sample_rate, references, mixture))
    return snr_db(scored.references["vocals"], stems["vocals"][len(before) :])
