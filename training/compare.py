"""`python -m training compare`: runs that differ in a setting or two, in one table; see EXPERIMENTS.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_sep import offline
from keras_sep.separation import Separation
from keras_sep.spec import StreamSpec
from training.batches import validation_segments
from training.callbacks import Row, read_history
from training.datasets import load_split
from training.evaluation.metrics import active_frames, frame_rms_db, most_active_excerpt
from training.evaluation.report.text import decibels
from training.evaluation.scene import SOURCES, Stems
from training.runs import best_row, load_best, read_config, same_spec
from training.start import load_init
from training.stems import StemPool

IGNORED = ("spec", "commit", "dataset", "teacher_sha256", "init_sha256")
LOSSES = {"spectrogram_loss": "l_0", "compressed_loss": "√", "complex_loss": "ℂ"}
EXCERPT_S = 80
CURVE = (20, 40, 60, 80, 100)  # per cent of the steps so far


def compare(runs: Sequence[Path], data: Path | None, cache: Path, preset: str = "") -> str:
    """A Markdown table with a row for each run.

    Validation losses are those of the best epoch, on the run's own validation segments: they compare where those are
    alike; the curve is the first of them along the run. With `data`, each best network also separates the validation
    songs, in Keras: the signal-to-noise ratio of 1 s frames, which is BSS Eval's SDR without its distortion filter,
    median of the voice-active frames of each song's 80 s with most voice. First come the mixture itself and, if one is
    named, a preset's float network, with its losses on the first run's validation segments, as has a run without a
    history, the mean of others.

    Raises:
        ValueError: a folder that is no run, or networks of different specs.
    """
    configs = [read_config(run) for run in runs]
    specs = {str(run): StreamSpec.from_dict(config["spec"]) for run, config in zip(runs, configs, strict=True)}
    if preset:
        network, specs[f"the preset {preset}"] = load_init(preset)
    spec = same_spec(specs)
    pool = load_split(data, "valid", cache, spec.sample_rate) if data else StemPool()
    songs = _excerpts(pool, spec)
    heads = ["run", "settings", "commit", "steps", "frames", "hours", *(f"validation: {x}" for x in LOSSES.values())]
    heads += [f"l_0 at {', '.join(map(str, CURVE))} % of the steps"]
    heads += [f"{name} V / A" for name in songs] + (["mean V / A"] if songs else [])
    rows = [heads, ["---"] * len(heads)]
    if data:
        rows.append(["mixture", *[""] * 9, *_scores(None, songs, spec)])
        if preset:
            losses = _losses(network, configs[0], pool, spec)
            rows.append([f"preset {preset}", *[""] * 5, *losses, "", *_scores(network, songs, spec)])
    for run, config in zip(runs, configs, strict=True):
        history = read_history(run / "history.csv")
        if not history:  # of `average`: a network without steps of its own
            network = load_best(run)[0]
            losses = _losses(network, configs[0], pool, spec) if data else [""] * len(LOSSES)
            scores = _scores(network, songs, spec)
            rows.append([run.name, _settings(config, configs[0]), *[""] * 4, *losses, "", *scores])
            continue
        best = best_row(run)
        hours = sum(float(row["seconds"]) for row in history) / 3600
        cells = [run.name, _settings(config, configs[0]), str(config.get("commit", ""))[:7], f"{best['step']:.0f}"]
        cells += [f"{best['step'] * config['batch_size'] * config['segment_frames'] / 1e3:.0f} k", f"{hours:.2f}"]
        cells += [f"{best[f'val_{loss}']:.4f}" if f"val_{loss}" in best else "" for loss in LOSSES]
        cells.append(_curve(history))
        rows.append(cells + (_scores(load_best(run)[0], songs, spec) if songs else []))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _settings(config: dict[str, Any], first: dict[str, Any]) -> str:
    """What differs from the first run; of that one, or of a mean of runs, what there is to know."""
    if "average" in config:
        return " + ".join(f"{part['share']:g} {part['run']}" for part in config["average"])
    if config is first:
        names = ["architecture", "size", *(n for n in ("init", "teacher") if config.get(n)), "learning_rate"]
    else:
        names = [name for name in config if name not in IGNORED and config[name] != first.get(name)]
    return ", ".join(f"{name}={config[name]}" for name in names) or "the same"


def _curve(history: list[Row]) -> str:
    rows = [history[max(0, round(len(history) * share / 100) - 1)] for share in CURVE]
    return ", ".join(f"{float(row['val_spectrogram_loss']):.3f}" for row in rows)


def _losses(network: keras.Model, config: dict[str, Any], pool: StemPool, spec: StreamSpec) -> list[str]:
    x, y = validation_segments(pool, spec, config["segment_frames"], config["validation_segments"])
    model = Separation(network, compressed_weight=1.0, complex_weight=1.0)
    model.compile()
    found = model.evaluate(x, y, batch_size=config["batch_size"], verbose=0, return_dict=True)
    return [f"{found[loss]:.4f}" for loss in LOSSES]


def _excerpts(pool: StemPool, spec: StreamSpec) -> dict[str, Stems]:
    """The stems (samples, channels) of each song's seconds with most voice."""
    result = {}
    for song in pool.songs:
        stems = {"vocals": song.vocals, "accompaniment": song.accompaniment}
        whole = {source: stem.read(0, len(stem.audio)) for source, stem in stems.items()}
        part = most_active_excerpt(whole["vocals"], spec.sample_rate, EXCERPT_S)
        result[song.name] = {source: x[part] for source, x in whole.items()}
    return result


def _scores(network: keras.Model | None, songs: dict[str, Stems], spec: StreamSpec) -> list[str]:
    rate, values = spec.sample_rate, []
    for stems in songs.values():
        mixture = stems["vocals"] + stems["accompaniment"]
        found = offline.separate(network, mixture, spec) if network else dict.fromkeys(SOURCES, mixture)
        active = active_frames(stems["vocals"], rate)
        ratios = [frame_rms_db(stems[s], rate) - frame_rms_db(stems[s] - found[s], rate) for s in SOURCES]
        values.append([float(np.median(ratio[active])) for ratio in ratios])
    return [f"{decibels(v)} / {decibels(a)}" for v, a in [*values, np.mean(values, axis=0)]]
