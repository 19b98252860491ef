"""A table of runs that differ in a setting or two; see docs/research."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.markdown import decibels, table
from common.runs import Row, best_row, hours, load_best, read_config, read_history
from common.scores import active_frames, frame_rms_db
from keras_sep.models import MaskNetwork
from keras_sep.separation import Separation
from keras_sep.spec import StreamSpec
from training.data.batches import validation_segments
from training.data.datasets import load_split
from training.data.stems import StemPool
from training.engine.warm_start import load_init, same_spec
from training.evaluation.methods import separate_whole
from training.evaluation.metrics import most_active_excerpt
from training.evaluation.scored_mixture import SOURCES, ScoredMixture, Stems

LOSSES = {"spectrogram_loss": "l_0", "compressed_loss": "√"}
EXCERPT_S = 80
CURVE = (20, 40, 60, 80, 100)  # places on the curve, in per cent of the steps so far


def compare(runs: Sequence[Path], data: Path | None, cache: Path, preset: str = "") -> str:
    """Compares runs; returns a Markdown table with a row for each.

    Validation losses are those of the best epoch on the run's validation segments; runs with the same segments can be
    compared. The curve is the first of these losses along the run. With `data`, the best network of each run also
    separates the validation songs, in Keras. Its score is the signal-to-noise ratio of 1 s frames, which is BSS Eval's
    SDR without the distortion filter: the median of the voice-active frames of the 80 s of a song with the most voice.

    Above the runs come the mixture itself and, if one is named, the float network of a preset. A preset, and a run
    without a history, which is an average of others, have their losses on the first run's validation segments.

    Args:
        runs: run folders.
        data: folder of stems with the split valid; None leaves the scores out.
        cache: folder for decoded audio.
        preset: name of a preset, or "" for none; it needs `data`.

    Raises:
        ValueError: a folder is not a run, there is no such preset or no data for it, or the networks have different
            specs.
    """
    if preset and not data:
        raise ValueError(f"--preset: expected --data with it. Received: --preset {preset} alone")
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
        if not history:  # a run of `average`, which has taken no steps itself
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
        rows.append(cells + _scores(network, songs, spec))
    return table(heads, rows)


def _settings(config: dict[str, Any], first: dict[str, Any]) -> str:
    """Formats the settings in which a run differs from the first; for that one, the main settings.

    For an average of runs, formats the shares and the names of these.
    """
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
    """Returns the settings by "table.key", without the facts about the run, such as its commit."""
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
    """Reads the stems (samples, channels) of the `EXCERPT_S` seconds with the most voice of each song."""
    result = {}
    for song in pool.songs:
        whole = ScoredMixture.of_song(song, spec.sample_rate).references
        part = most_active_excerpt(whole["vocals"], spec.sample_rate, EXCERPT_S)
        result[song.name] = {source: x[part] for source, x in whole.items()}
    return result


def _scores(network: MaskNetwork | None, songs: dict[str, Stems], spec: StreamSpec) -> list[str]:
    if not songs:
        return []
    rate, values = spec.sample_rate, []
    for stems in songs.values():
        mixture = stems["vocals"] + stems["accompaniment"]
        found = separate_whole(network, mixture) if network else dict.fromkeys(SOURCES, mixture)
        active = active_frames(stems["vocals"], rate)
        ratios = [frame_rms_db(stems[s], rate) - frame_rms_db(stems[s] - found[s], rate) for s in SOURCES]
        values.append([float(np.median(ratio[active])) for ratio in ratios])
    return [f"{decibels(v)} / {decibels(a)}" for v, a in [*values, np.mean(values, axis=0)]]
