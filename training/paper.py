"""`python -m training run-paper`: the four methods of Doire (2019), table 1, trained and scored alike."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from keras_sep.spec import StreamSpec
from keras_sep.streaming import is_online
from training.config import TrainConfig
from training.evaluate import SongScore, evaluate, require_counts, scored_songs
from training.files import write_json
from training.runs import best_row, load_best, run_separator
from training.train import train

CONFIGS = Path(__file__).parent / "configs"
# The teacher first: the last method learns from it.
METHODS = {"unet": "U-Net", "lstm": "LSTM", "or_unet": "OR-U-Net", "or_unet_df": "OR-U-Net_df"}


def run_paper(
    out: Path,
    data: Path,
    overrides: list[str],
    split: str,
    excerpt: int | None,
    jobs: int,
    *,
    cache: Path | None = None,
    dataset: str = "folder",
    exclude_shared: bool = False,
    strict: bool = False,
    max_minutes: float | None = None,
    devices: int = 1,
) -> str:
    """Trains what is not yet trained, scores what is not yet scored, and writes `out`/table.md.

    Args:
        out: folder; each method has its run folder in it.
        overrides: `key=value`, for all four configurations.
        split, excerpt, jobs: as for `training.evaluate`.
        max_minutes: for all training of this call together; scoring follows when all four are trained.
        The rest as for `training.train.train`.

    Returns:
        The table, or what remains to be done.
    """
    import museval  # noqa: F401  # what would fail at the end fails at once

    begin, cache = time.monotonic(), cache or out / "cache"
    require_counts(excerpt, jobs)
    with scored_songs(data, split, StreamSpec().sample_rate, dataset=dataset, cache=cache, strict=strict) as songs:
        if not songs:
            raise ValueError(f"{data}: expected {split} songs with stems to score. Received: none")
    for method in METHODS:
        config = TrainConfig.load(CONFIGS / f"{method}.toml", overrides)
        if method == "or_unet_df":
            config = dataclasses.replace(config, teacher=str(out / "unet"))
        left = None if max_minutes is None else max_minutes - (time.monotonic() - begin) / 60
        if left is not None and left <= 0:
            return f"{METHODS[method]} is next; the same command goes on"
        print(f"{METHODS[method]}: {out / method}", flush=True)
        if not train(
            config,
            data,
            out / method,
            cache=cache,
            dataset=dataset,
            exclude_shared=exclude_shared,
            strict=strict,
            max_minutes=left,
            devices=devices,
        ):
            return f"{METHODS[method]} is not finished; the same command goes on"
    rows, mixture = [], []
    for method, name in METHODS.items():
        scores = _scores(out / method, data, split, excerpt, jobs, dataset, cache, exclude_shared, strict)
        rows.append(_row(name, out / method, scores))
        mixture = [score.mixture_active for score in scores]
    table = _table(rows, np.mean(mixture, axis=0), split)
    (out / "table.md").write_text(table + "\n", encoding="utf-8")
    write_json(out / "table.json", rows)
    return table


def _scores(
    run: Path,
    data: Path,
    split: str,
    excerpt: int | None,
    jobs: int,
    dataset: str,
    cache: Path,
    exclude_shared: bool,
    strict: bool,
) -> list[SongScore]:
    """Scores of a run, from its scores.json where that belongs to the same weights and songs."""
    rate, separate = run_separator(run)
    with scored_songs(
        data, split, rate, dataset=dataset, cache=cache, strict=strict, run=run, exclude_shared=exclude_shared
    ) as songs:
        about = {
            "weights": hashlib.sha256((run / "best.keras").read_bytes()).hexdigest(),
            "stems": [stem.sha256 for song in songs for stem in (song.vocals, song.accompaniment)],
            "excerpt": excerpt,
        }
        path = run / "scores.json"
        if path.exists():
            before = json.loads(path.read_text(encoding="utf-8"))
            if before["about"] == about:
                return [SongScore(**fields) for fields in before["songs"]]
        scores = evaluate(songs, separate, rate, excerpt, jobs)
    write_json(path, {"about": about, "songs": [asdict(score) for score in scores]})
    return scores


def _row(name: str, run: Path, scores: list[SongScore]) -> dict[str, Any]:
    network, _ = load_best(run)
    best = best_row(run)
    return {
        "method": name,
        "online": is_online(network),
        "parameters": network.count_params(),
        "best_step": int(best["step"]),
        "val_spectrogram_loss": best["val_spectrogram_loss"],
        "val_si_sdr": [round(best[f"val_{source}_si_sdr"], 2) for source in ("vocals", "accompaniment")],
        "sdr_active": np.mean([score.estimate_active for score in scores], axis=0).round(2).tolist(),
        "sdr": np.mean([score.estimate for score in scores], axis=0).round(2).tolist(),
        "si_sdr": np.mean([score.estimate_si_sdr for score in scores], axis=0).round(2).tolist(),
    }


def _table(rows: list[dict[str, Any]], mixture: Any, split: str) -> str:
    def pair(values: Any) -> str:
        return f"{values[0]:.2f} / {values[1]:.2f}"

    lines = [
        f"| method | online | parameters | best step | validation: l_0 | SI-SDR V / A | {split} songs: SDR V / A, "
        "active frames | all frames | SI-SDR |",
        "|---|---|---|---|---|---|---|---|---|",
        f"| mixture | | | | | | {pair(mixture)} | | |",
    ]
    lines += [
        f"| {row['method']} | {'yes' if row['online'] else 'no'} | {row['parameters'] / 1e6:.2f} M "
        f"| {row['best_step']} | {row['val_spectrogram_loss']:.3f} | {pair(row['val_si_sdr'])} "
        f"| {pair(row['sdr_active'])} | {pair(row['sdr'])} | {pair(row['si_sdr'])} |"
        for row in rows
    ]
    return "\n".join(lines)
