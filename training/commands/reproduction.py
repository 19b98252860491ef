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
from common.programs import require_ffmpeg
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
Run = tuple[str, str, int]
REPEATED = ("or_unet", "or_unet_df")  # those that are compared: trained once with each seed


def run_paper(
    out: Path,
    data: Path,
    overrides: list[str],
    split: str,
    excerpt: int | None,
    jobs: int,
    *,
    seeds: int = 1,
    protocols: Sequence[str] = ("v4",),
    cache: Path | None = None,
    dataset: str = "folder",
    exclude_shared: bool = False,
    strict: bool = False,
    max_minutes: float | None = None,
    devices: int = 1,
    workers: int = 0,
) -> str:
    """Trains the methods that are not trained yet, scores those that are not scored yet, and writes the table.

    Args:
        out: folder; each method has its run folder in it, a further seed of it a folder with its number, and each
            split its scores/<split> and table_<split>.md.
        overrides: `table.key=value`, for all four configurations; `loss.num_taps` for the one with a teacher.
        split, excerpt, jobs, protocols: as for `training.evaluation.scoring.evaluate`.
        seeds: how often the two OR-U-Nets are trained, each time with the next seed, ≥ 1.
        max_minutes: time for all training of this call together; scoring follows when all four are trained.
        data, cache, dataset, exclude_shared, strict, devices, workers: as for `training.engine.training_run.train`.

    Returns:
        The table in Markdown; or, if the time was up, one line that names the next method to train.

    Raises:
        ValueError: an argument is wrong, the split has no songs, or a song could not be scored.
    """
    require_ffmpeg("scores")
    import museval  # noqa: F401  # a missing package is reported now, not after the training

    begin, cache = time.monotonic(), cache or out / "cache"
    configs = {method: TrainConfig.load(CONFIGS / f"{method}.toml", _own(method, overrides)) for method in METHODS}
    rate = configs["or_unet"].spec.sample_rate  # the same for all four, for the overrides are
    require_counts(excerpt, jobs)
    if seeds < 1:
        raise ValueError(f"--seeds: expected at least 1. Received: {seeds}")
    open_songs = functools.partial(scored_songs, data, split, rate, dataset=dataset, cache=cache, strict=strict)
    with open_songs() as songs:
        if not songs:
            raise ValueError(f"{data}: expected {split} songs with stems to score. Received: none")
    for run, method, seed in (runs := _runs(seeds)):
        config = configs[method]
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, seed=config.data.seed + seed))
        if method == STUDENT:
            config = dataclasses.replace(config, loss=dataclasses.replace(config.loss, teacher=str(out / "unet")))
        left = None if max_minutes is None else max_minutes - (time.monotonic() - begin) / 60
        if left is not None and left <= 0:
            return f"{run} is next; run the same command again to continue"
        print(f"{METHODS[method]}: {out / run}", flush=True)
        if not train(
            config,
            data,
            out / run,
            cache=cache,
            dataset=dataset,
            exclude_shared=exclude_shared,
            strict=strict,
            max_minutes=left,
            devices=devices,
            workers=workers,
        ):
            return f"{run} is not finished; run the same command again to continue"
    methods = [of_run(out / run) for run, _, _ in runs]
    exposure = functools.reduce(operator.or_, (TrainingExposure.of_run(out / run) for run, _, _ in runs))
    scores = out / "scores" / split
    with open_songs(exposure=exposure, exclude_shared=exclude_shared) as songs:
        summary = evaluate(
            songs,
            [REFERENCES["mixture"], *methods],
            scores,
            rate,
            protocols=protocols,
            excerpt=excerpt,
            jobs=jobs,
            dataset=dataset,
            split=split,
            overwrite=True,
        )
    write_summary(scores)
    failed = [f"{row['label']}: {each['song']}: {each['error']}" for row in summary["rows"] for each in row["failed"]]
    if failed:
        raise ValueError(f"{len(failed)} scores are missing, so there is no table: {'; '.join(failed)}")
    text = _table(summary, runs, {run: best_row(out / run) for run, _, _ in runs}, split)
    write_text(out / f"table_{split}.md", text + "\n")
    return text


def _runs(seeds: int) -> list[Run]:
    """Returns the folder, the method and the number to add to the configuration's seed of each run, in their order."""
    return [
        (f"{method}_{seed + 1}" if seed else method, method, seed)
        for method in METHODS
        for seed in range(seeds if method in REPEATED else 1)
    ]


def _own(method: str, overrides: list[str]) -> list[str]:
    """Returns the overrides that apply to a method: `loss.num_taps` only to the one with a teacher."""
    return [each for each in overrides if method == STUDENT or not each.startswith("loss.num_taps=")]


def _table(summary: dict[str, Any], runs: Sequence[Run], best: dict[str, dict[str, Any]], split: str) -> str:
    """Formats the scores of voice-active frames: on quiet songs, noise decides the medians of all frames.

    The scores of all frames and of the other protocols are in scores/. Of a method with several seeds a cell is the
    mean, and the distance from it to the farthest seed.
    """
    metrics = ("SDR", "SIR", "SAR")
    heads = ["method", "online", "best step", "validation: l_0", *(f"{x} {y}" for x in "VA" for y in metrics)]
    rows = {row["row"]: row for row in summary["rows"]}
    lines = []
    for method in ("mixture", *METHODS):
        same = [run for run, of, _ in runs if of == method]
        steps = " and ".join(f"{best[run]['step']:.0f}" for run in same)
        loss = _spread([best[run]["val_spectrogram_loss"] for run in same], 3) if same else ""
        of_method = [rows[run] for run in same or [method]]
        cells = []
        for source in SOURCES:
            for metric in metrics:
                values = [row["scores"]["v4_active"][source][metric] for row in of_method]
                median, mean = (_spread([v[kind] for v in values]) for kind in ("median_of_medians", "mean_of_means"))
                cells.append(f"{median} ({mean})")
        online = {True: "yes", False: "no", None: ""}[of_method[0]["online"]]
        lines.append([METHODS.get(method, method), online, steps, loss, *cells])
    title = f"{split} songs, BSS Eval v4, voice-active frames, dB: median of medians (mean of means)."
    return f"{title}\n\n{table(heads, lines)}"


def _spread(values: Sequence[float | None], digits: int = 2) -> str:
    """Formats the mean of values, and of several the distance to the farthest one."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return decibels(None)
    mean = sum(known) / len(known)
    text = decibels(mean, digits)
    return text if len(known) == 1 else f"{text} ± {decibels(max(abs(value - mean) for value in known), digits)}"
