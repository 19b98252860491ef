"""The work of `run-paper`: the four methods of Doire (2019), table 1, trained and scored alike."""

from __future__ import annotations

import dataclasses
import functools
import operator
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.exposure import TrainingExposure
from common.files import write_text
from common.markdown import decibels, table
from common.runs import best_row
from training.engine.config import TrainConfig
from training.engine.training_run import train
from training.evaluation.methods import REFERENCES, of_run
from training.evaluation.scored_mixture import SOURCES
from training.evaluation.scoring import evaluate, require_counts
from training.evaluation.songs import scored_songs
from training.report import write_summary

CONFIGS = Path(__file__).parents[1] / "configs" / "paper"
# In this order: U-Net is the teacher of the last method.
METHODS = {"unet": "U-Net", "lstm": "LSTM", "or_unet": "OR-U-Net", "or_unet_df": "OR-U-Net_df"}
STUDENT = "or_unet_df"


def run_paper(
    out: Path,
    data: Path,
    overrides: list[str],
    split: str,
    excerpt: int | None,
    jobs: int,
    *,
    protocols: Sequence[str] = ("v4",),
    cache: Path | None = None,
    dataset: str = "folder",
    exclude_shared: bool = False,
    strict: bool = False,
    max_minutes: float | None = None,
    devices: int = 1,
    workers: int = 0,
) -> str:
    """Trains the methods that are not trained yet, scores those that are not scored yet, and writes `out`/table.md.

    Args:
        out: folder; each method has its run folder in it.
        overrides: `table.key=value`, for all four configurations; `loss.num_taps` for the one with a teacher.
        split, excerpt, jobs, protocols: as for `training.evaluation.scoring.evaluate`; scores go to `out`/scores.
        max_minutes: time for all training of this call together; scoring follows when all four are trained.
        data, cache, dataset, exclude_shared, strict, devices, workers: as for `training.engine.training_run.train`.

    Returns:
        The table in Markdown; or, if the time was up, one line that names the next method to train.

    Raises:
        ValueError: an argument is wrong, the split has no songs, or a song could not be scored.
    """
    import museval  # noqa: F401  # a missing package is reported now, not after the training

    begin, cache = time.monotonic(), cache or out / "cache"
    configs = {method: TrainConfig.load(CONFIGS / f"{method}.toml", _own(method, overrides)) for method in METHODS}
    rate = configs["or_unet"].spec.sample_rate  # the same for all four, for the overrides are
    require_counts(excerpt, jobs)
    open_songs = functools.partial(scored_songs, data, split, rate, dataset=dataset, cache=cache, strict=strict)
    with open_songs() as songs:
        if not songs:
            raise ValueError(f"{data}: expected {split} songs with stems to score. Received: none")
    for method in METHODS:
        config = configs[method]
        if method == STUDENT:
            config = dataclasses.replace(config, loss=dataclasses.replace(config.loss, teacher=str(out / "unet")))
        left = None if max_minutes is None else max_minutes - (time.monotonic() - begin) / 60
        if left is not None and left <= 0:
            return f"{METHODS[method]} is next; run the same command again to continue"
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
            workers=workers,
        ):
            return f"{METHODS[method]} is not finished; run the same command again to continue"
    methods = [of_run(out / method) for method in METHODS]
    exposure = functools.reduce(operator.or_, (TrainingExposure.of_run(out / method) for method in METHODS))
    with open_songs(exposure=exposure, exclude_shared=exclude_shared) as songs:
        summary = evaluate(
            songs,
            [REFERENCES["mixture"], *methods],
            out / "scores",
            rate,
            protocols=protocols,
            excerpt=excerpt,
            jobs=jobs,
            dataset=dataset,
            split=split,
            overwrite=True,
        )
    write_summary(out / "scores")
    failed = [f"{row['label']}: {each['song']}: {each['error']}" for row in summary["rows"] for each in row["failed"]]
    if failed:
        raise ValueError(f"{len(failed)} scores are missing, so there is no table: {'; '.join(failed)}")
    text = _table(summary, {method: best_row(out / method) for method in METHODS}, split)
    write_text(out / "table.md", text + "\n")
    return text


def _own(method: str, overrides: list[str]) -> list[str]:
    """Returns the overrides that apply to a method: `loss.num_taps` only to the one with a teacher."""
    return [each for each in overrides if method == STUDENT or not each.startswith("loss.num_taps=")]


def _table(summary: dict[str, Any], best: dict[str, dict[str, Any]], split: str) -> str:
    """Formats the scores of voice-active frames: on quiet songs, noise decides the medians of all frames.

    The scores of all frames and of the other protocols are in scores/.
    """
    metrics = ("SDR", "SIR", "SAR")
    heads = ["method", "online", "best step", "validation: l_0", *(f"{x} {y}" for x in "VA" for y in metrics)]
    lines = []
    for row in summary["rows"]:
        method = row["row"]
        step, loss = ("", "")
        if method in best:
            step, loss = f"{best[method]['step']:.0f}", f"{best[method]['val_spectrogram_loss']:.3f}"
        scores = row["scores"]["v4_active"]
        values = [scores[source][metric] for source in SOURCES for metric in metrics]
        cells = [f"{decibels(v['median_of_medians'])} ({decibels(v['mean_of_means'])})" for v in values]
        online = {True: "yes", False: "no", None: ""}[row["online"]]
        lines.append([METHODS.get(method, method), online, step, loss, *cells])
    title = f"{split} songs, BSS Eval v4, voice-active frames, dB: median of medians (mean of means)."
    return f"{title}\n\n{table(heads, lines)}"
