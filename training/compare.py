"""`python -m training compare`: runs that differ in a setting or two, in one table; see EXPERIMENTS.md."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_sep import offline
from keras_sep.models import load_network
from keras_sep.separation import Separation
from keras_sep.spec import StreamSpec
from training.batches import validation_segments
from training.callbacks import read_history
from training.datasets import load_split
from training.evaluation.metrics import ACTIVE_RANGE_DB
from training.evaluation.report.text import decibels
from training.evaluation.scene import SOURCES
from training.runs import best_row, load_best
from training.start import require_init
from training.stems import StemPool

IGNORED = ("spec", "commit", "dataset", "teacher_sha256", "init_sha256")
LOSSES = ("spectrogram_loss", "compressed_loss", "complex_loss")
EXCERPT_S = 80
CACHE = Path("runs/cache")


def compare(runs: Sequence[Path], data: Path | None = None, cache: Path | None = None, preset: str = "") -> str:
    """A Markdown table with a row for each run.

    Validation losses are those of the best epoch, on the run's own validation segments: they compare where those are
    alike. With `data`, each best network also separates the validation songs, in Keras: the signal-to-noise ratio of
    1 s frames, which is BSS Eval's SDR without its distortion filter, median of the voice-active frames of each
    song's 80 s with most voice. First come the mixture itself and, if one is named, a preset's float network, with
    its losses on the first run's validation segments.

    Raises:
        ValueError: a folder that is no run.
    """
    configs = [_config(run) for run in runs]
    songs = _excerpts(data, cache) if data else []
    heads = ["run", "settings", "commit", "steps", "frames", "hours", *(f"validation: {x}" for x in ("l_0", "√", "ℂ"))]
    heads += [f"{name} V / A" for name, *_ in songs] + (["mean V / A"] if songs else [])
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    blank = [""] * 8
    if data:
        lines.append(_row(["mixture", *blank, *_scores(None, songs)]))
        if preset:
            network = load_network(require_init(preset))
            losses = _losses(network, configs[0], load_split(data, "valid", cache or CACHE, StreamSpec().sample_rate))
            lines.append(_row([f"preset {preset}", *blank[:5], *losses, *_scores(network, songs)]))
    for run, config in zip(runs, configs, strict=True):
        best, hours = best_row(run), sum(float(row["seconds"]) for row in read_history(run / "history.csv")) / 3600
        cells = [run.name, _settings(config, configs[0]), str(config.get("commit", ""))[:7], f"{best['step']:.0f}"]
        cells += [f"{best['step'] * config['batch_size'] * config['segment_frames'] / 1e3:.0f} k", f"{hours:.2f}"]
        cells += [f"{best[f'val_{loss}']:.4f}" if f"val_{loss}" in best else "" for loss in LOSSES]
        lines.append(_row(cells + (_scores(load_best(run)[0], songs) if songs else [])))
    return "\n".join(lines)


def _config(run: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((run / "config.json").read_text(encoding="utf-8")))
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(f"{run}: expected a run folder of `python -m training train`: {error}") from error


def _settings(config: dict[str, Any], first: dict[str, Any]) -> str:
    """What differs from the first run; of that one, what there is to know."""
    if config is first:
        names = ["architecture", "size", *(n for n in ("init", "teacher") if config.get(n)), "learning_rate"]
        return ", ".join(f"{name}={config[name]}" for name in names)
    names = [name for name in config if name not in IGNORED and config[name] != first.get(name)]
    return ", ".join(f"{name}={config[name]}" for name in names) or "the same"


def _losses(network: keras.Model, config: dict[str, Any], pool: StemPool) -> list[str]:
    x, y = validation_segments(pool, StreamSpec(), config["segment_frames"], config["validation_segments"])
    model = Separation(network, compressed_weight=1.0, complex_weight=1.0)
    model.compile()
    found = model.evaluate(x, y, batch_size=config["batch_size"], verbose=0, return_dict=True)
    return [f"{found[loss]:.4f}" for loss in LOSSES]


def _excerpts(data: Path, cache: Path | None) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Name, vocals and accompaniment of each validation song, (samples, channels)."""
    rate, result = StreamSpec().sample_rate, []
    for song in load_split(data, "valid", cache or CACHE, rate).songs:
        stems = [stem.read(0, len(stem.audio)) for stem in (song.vocals, song.accompaniment)]
        active = _active(_energies(stems[0], rate))
        length = min(EXCERPT_S, len(active))
        start = int(np.convolve(active, np.ones(length), "valid").argmax())
        vocals, accompaniment = (x[start * rate : (start + length) * rate] for x in stems)
        result.append((song.name, vocals, accompaniment))
    return result


def _scores(network: keras.Model | None, songs: list[tuple[str, np.ndarray, np.ndarray]]) -> list[str]:
    rate, values = StreamSpec().sample_rate, []
    for _, vocals, accompaniment in songs:
        mixture = vocals + accompaniment
        stems = dict.fromkeys(SOURCES, mixture) if network is None else offline.separate(network, mixture, StreamSpec())
        active = _active(_energies(vocals, rate))
        row = []
        for source, reference in zip(SOURCES, (vocals, accompaniment), strict=True):
            signal, noise = _energies(reference, rate), _energies(reference - stems[source], rate)
            row.append(float(np.median((10 * np.log10((signal + 1e-9) / (noise + 1e-9)))[active])))
        values.append(row)
    return [f"{decibels(v)} / {decibels(a)}" for v, a in [*values, np.mean(values, axis=0)]]


def _energies(x: np.ndarray, rate: int) -> np.ndarray:
    count = len(x) // rate
    return np.square(x[: count * rate]).reshape(count, -1).sum(axis=1, dtype=np.float64)


def _active(energies: np.ndarray) -> np.ndarray:
    return energies > energies.max() * 10 ** (-ACTIVE_RANGE_DB / 10)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
