"""Runs that differ in a setting or two, in one table; see docs/research."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.markdown import decibels, table
from common.runs import Row, best_row, hours, load_best, read_config, read_history
from common.scores import active_frames, frame_rms_db
from keras_sep import inference
from keras_sep.models import MaskNetwork
from keras_sep.separation import Separation
from keras_sep.spec import StreamSpec
from training.data.batches import validation_segments
from training.data.datasets import load_split
from training.data.stems import StemPool
from training.engine.warm_start import load_init, same_spec
from training.evaluation.metrics import most_active_excerpt
from training.evaluation.scored_mixture import SOURCES, Stems

LOSSES = {"spectrogram_loss": "l_0", "compressed_loss": "√"}
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
    networks = {str(run): load_best(run) for run in runs}
    known = load_init(preset) if preset else None
    by_name = networks | ({f"the preset {preset}": known} if known else {})
    spec = same_spec({name: network.spec for name, network in by_name.items()})
    pool = load_split(data, "valid", cache, spec.sample_rate) if data else StemPool()
    songs = _excerpts(pool, spec)
    heads = ["run", "settings", "commit", "steps", "frames", "hours", *(f"validation: {x}" for x in LOSSES.values())]
    heads += [f"l_0 at {', '.join(map(str, CURVE))} % of the steps"]
    heads += [f"{name} V / A" for name in songs] + (["mean V / A"] if songs else [])
    rows: list[list[str]] = []
    if data:
        rows.append(["mixture", *[""] * 8, *_scores(None, songs, spec)])
        if known:
            losses = _losses(known, configs[0], pool)
            rows.append([f"preset {preset}", *[""] * 5, *losses, "", *_scores(known, songs, spec)])
    for run, config in zip(runs, configs, strict=True):
        history, network = read_history(run), networks[str(run)]
        if not history:  # of `average`: a network without steps of its own
            losses = _losses(network, configs[0], pool) if data else [""] * len(LOSSES)
            scores = _scores(network, songs, spec)
            rows.append([run.name, _settings(config, configs[0]), *[""] * 4, *losses, "", *scores])
            continue
        best, config_data = best_row(run), config["data"]
        cells = [run.name, _settings(config, configs[0]), str(config.get("commit", ""))[:7], f"{best['step']:.0f}"]
        frames = best["step"] * config_data["batch_size"] * config_data["segment_frames"]
        cells += [f"{frames / 1e3:.0f} k", f"{hours(run):.2f}"]
        cells += [f"{best[f'val_{loss}']:.4f}" if f"val_{loss}" in best else "" for loss in LOSSES]
        cells.append(_curve(history))
        rows.append(cells + (_scores(network, songs, spec) if songs else []))
    return table(heads, rows)


def _settings(config: dict[str, Any], first: dict[str, Any]) -> str:
    """What differs from the first run; of that one, or of a mean of runs, what there is to know."""
    if "average" in config:
        return " + ".join(f"{part['share']:g} {part['run']}" for part in config["average"])
    mine, theirs = _flat(config), _flat(first)
    if config is first:
        wanted = ("model.architecture", "model.size", "model.init", "loss.teacher", "optimizer.learning_rate")
        names = [name for name in wanted if mine.get(name)]
    else:
        names = [name for name in mine if mine[name] != theirs.get(name)]
    return ", ".join(f"{name}={mine[name]}" for name in names) or "the same"


def _flat(config: dict[str, Any]) -> dict[str, Any]:
    """Settings by table and name, without what is known of their files."""
    tables = {name: table for name, table in config.items() if isinstance(table, dict)}
    return {f"{name}.{key}": value for name, table in tables.items() for key, value in table.items()}


def _curve(history: list[Row]) -> str:
    rows = [history[max(0, round(len(history) * share / 100) - 1)] for share in CURVE]
    return ", ".join(f"{float(row['val_spectrogram_loss']):.3f}" for row in rows)


def _losses(network: MaskNetwork, config: dict[str, Any], pool: StemPool) -> list[str]:
    data = config["data"]
    x, y = validation_segments(pool, network.spec, data["segment_frames"], data["validation_segments"])
    model = Separation(network, compressed_weight=1.0)
    model.compile()
    found = model.evaluate(x, y, batch_size=data["batch_size"], verbose=0, return_dict=True)
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


def _scores(network: MaskNetwork | None, songs: dict[str, Stems], spec: StreamSpec) -> list[str]:
    rate, values = spec.sample_rate, []
    for stems in songs.values():
        mixture = stems["vocals"] + stems["accompaniment"]
        found = inference.separate(network, mixture) if network else dict.fromkeys(SOURCES, mixture)
        active = active_frames(stems["vocals"], rate)
        ratios = [frame_rms_db(stems[s], rate) - frame_rms_db(stems[s] - found[s], rate) for s in SOURCES]
        values.append([float(np.median(ratio[active])) for ratio in ratios])
    return [f"{decibels(v)} / {decibels(a)}" for v, a in [*values, np.mean(values, axis=0)]]
