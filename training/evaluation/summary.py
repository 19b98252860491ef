"""Aggregated scores of a result folder, and their tables.

The same system moves by about 2 dB between the median over songs of the median over frames (museval's and SiSEC's) and
the mean over songs of the mean over frames (the BSS Eval tables of most papers before): both are given.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from training.evaluation.metrics import METRICS
from training.evaluation.results import FORMAT, ResultFolder, Values, read_json
from training.evaluation.scene import SOURCES
from training.files import write_text

VIEWS = {
    "v4": "BSS Eval v4, 1 s frames",
    "v4_active": "BSS Eval v4, voice-active 1 s frames",
    "v3": "BSS Eval v3 images, 30 s windows every 15 s",
}


def summarise(results: ResultFolder) -> dict[str, Any]:
    """Reads every row, writes summary.json and summary.md, and returns what stands in the first."""
    data = read_json(results.path / "data.json")
    names = [song["name"] for song in data["songs"]]
    rows = [_row(results, about, names) for about in results.rows()]
    summary = {"format": FORMAT, "tools": data.pop("tools"), "data": data, "rows": rows}
    results.write(results.path / "summary.json", summary)
    write_text(results.path / "summary.md", tables(summary) + "\n")
    return summary


def _row(results: ResultFolder, about: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    songs = {name: song for name in names if (song := results.song(about["row"], name))}
    scores = {view: score for view in VIEWS if (score := _view(results, about["row"], view, songs))}
    si_sdr = {
        part: {source: _si_sdr([song["si_sdr"][part][source] for song in songs.values()]) for source in SOURCES}
        for part in ("all", "active")
    }
    kept = ("row", "label", "kind", "condition", "online", "about", "failed")
    return {key: about[key] for key in kept} | {"songs": list(songs), "scores": scores, "si_sdr": si_sdr}


def _view(results: ResultFolder, row: str, view: str, songs: dict[str, Any]) -> dict[str, Any]:
    """Aggregated scores of the songs that have this view, by source."""
    protocol, _, part = view.partition("_")
    frames = {name: scores for name in songs if (scores := results.frames(protocol, row, name))}
    if not frames:
        return {}
    result: dict[str, Any] = {}
    for source in SOURCES:
        by_metric = {
            metric: [
                _active(scores[source][metric], songs[name]["active"]) if part else scores[source][metric]
                for name, scores in frames.items()
            ]
            for metric in METRICS
        }
        result[source] = {
            metric: {
                "median_of_medians": _median(np.array([_nan(np.nanmedian, v) for v in values])),
                "mean_of_means": _mean(np.array([_nan(np.nanmean, v) for v in values])),
            }
            for metric, values in by_metric.items()
        }
        sdr = by_metric["SDR"]
        result[source]["frames"] = sum(len(values) for values in sdr)
        result[source]["frames_without_value"] = int(sum(np.isnan(values).sum() for values in sdr))
        result[source]["songs_without_value"] = sum(bool(np.isnan(values).all()) for values in sdr)
    return result


def _active(values: Values, active: Sequence[bool]) -> Values:
    # A song's last part-filled second is no frame of either, so that lengths agree; a song below 1 s has one frame.
    mask = np.zeros(len(values), bool)
    mask[: len(active)] = active[: len(values)]
    return values[mask]


def _nan(function: Any, values: npt.ArrayLike) -> float:
    """nanmedian or nanmean, NaN without a warning where there is no value."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(function(np.asarray(values, np.float64)))


def _si_sdr(values: Sequence[float | None]) -> dict[str, float | None]:
    array = np.array(values, np.float64)  # None becomes NaN
    return {"median": _median(array), "mean": _mean(array)}


def _median(values: Values) -> float | None:
    return _number(_nan(np.nanmedian, values))


def _mean(values: Values) -> float | None:
    return _number(_nan(np.nanmean, values))


def _number(value: float) -> float | None:
    return round(value, 5) if np.isfinite(value) else None


def tables(summary: dict[str, Any]) -> str:
    """Markdown: one table a view, one line a row; each cell is "median of medians / mean of means"."""
    data, rows = summary["data"], summary["rows"]
    songs, seconds = data["songs"], sum(song["seconds"] for song in data["songs"])
    parts = [
        f"{len(songs)} songs, {seconds:.0f} s, {data['dataset']} {data['split']}"
        + (f", the {data['excerpt']} s of each with the most voice" if data["excerpt"] else "")
        + ". dB, median over songs of the median over frames / mean of means."
    ]
    for view, title in VIEWS.items():
        shown = [row for row in rows if view in row["scores"]]
        if shown:
            parts.append(_table(view, title, shown, len(songs)))
    problems = [f"- {row['label']}: {failed['song']}: {failed['error']}" for row in rows for failed in row["failed"]]
    problems += [f"- {song['name']}: {warning}" for song in songs for warning in song["warnings"]]
    if problems:
        parts.append("Failed songs and warnings:\n\n" + "\n".join(problems))
    return "\n\n".join(parts)


def _table(view: str, title: str, rows: list[dict[str, Any]], songs: int) -> str:
    lines = [
        f"**{title}**",
        "",
        "| method | " + " | ".join(f"{source[0].upper()} {m}" for source in SOURCES for m in (*METRICS, "SI-SDR"))
        + " | without a value |",
        "|---|" + "---|" * 11,
    ]  # fmt: skip
    for row in rows:
        scores, cells = row["scores"][view], []
        for source in SOURCES:
            for metric in METRICS:
                value = scores[source][metric]
                cells.append(cell(value["median_of_medians"], value["mean_of_means"]))
            # Of whole songs, or of their voice-active seconds; no windows there.
            value = row["si_sdr"]["active" if view == "v4_active" else "all"][source]
            cells.append(cell(value["median"], value["mean"]))
        missing = f"{scores['vocals']['frames_without_value']} of {scores['vocals']['frames']}"
        label = row["label"] + ("" if len(row["songs"]) == songs else f" ({len(row['songs'])} of {songs} songs)")
        lines.append(f"| {label} | {' | '.join(cells)} | {missing} |")
    return "\n".join(lines)


def cell(median: float | None, mean: float | None) -> str:
    return " / ".join("–" if value is None else f"{value:.2f}" for value in (median, mean))
