"""The aggregated scores of a result folder.

Both usual aggregations are given, because they differ by about 2 dB for the same system: the median over songs of the
median over frames (museval and SiSEC), and the mean over songs of the mean over frames (most earlier papers).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from training.evaluation.metrics import METRICS
from training.evaluation.results import FORMAT, ResultFolder, Values, read_json
from training.evaluation.scored_mixture import SOURCES

VIEWS = ("v4", "v4_active", "v3")  # protocols, and the voice-active frames of one


def summarise(results: ResultFolder) -> dict[str, Any]:
    """Reads every row of a result folder, writes summary.json and returns its content."""
    data = read_json(results.path / "data.json", "songs", "tools")
    names = [song["name"] for song in data["songs"]]
    rows = [_row(results, about, names) for about in results.rows()]
    summary = {"format": FORMAT, "tools": data.pop("tools"), "data": data, "rows": rows}
    results.write(results.path / "summary.json", summary)
    return summary


def _row(results: ResultFolder, about: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    songs = {name: song for name in names if (song := results.song(about["row"], name))}
    scores = {view: score for view in VIEWS if (score := _view(results, about["row"], view, songs))}
    si_sdr = {
        part: {source: _si_sdr([song["si_sdr"][part][source] for song in songs.values()]) for source in SOURCES}
        for part in ("all", "active")
    }
    kept = ("row", "label", "kind", "condition", "method", "online", "about", "failed")
    return {key: about[key] for key in kept} | {"songs": list(songs), "scores": scores, "si_sdr": si_sdr}


def _view(results: ResultFolder, row: str, view: str, songs: dict[str, Any]) -> dict[str, Any]:
    """Aggregates by source the scores of the songs that have this view."""
    protocol, _, part = view.partition("_")
    frames = {name: scores for name in songs if (scores := results.frames(protocol, row, name))}
    if not frames:
        return {}
    flags = {name: np.array(songs[name]["muted"], bool) for name in frames if protocol == "v4"}
    muted = int(sum((_active(x, songs[name]["active"]) if part else x).sum() for name, x in flags.items()))
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
        result[source]["frames_muted"] = muted
        result[source]["songs"] = list(frames)
        result[source]["songs_without_value"] = sum(bool(np.isnan(values).all()) for values in sdr)
    return result


def _active(values: npt.NDArray[Any], active: Sequence[bool]) -> npt.NDArray[Any]:
    # Neither museval nor `active` counts an incomplete last second, so lengths agree, except that museval gives a song
    # below 1 s one frame.
    mask = np.zeros(len(values), bool)
    mask[: len(active)] = active[: len(values)]
    return values[mask]


def _nan(function: Any, values: npt.ArrayLike) -> float:
    """Calls nanmedian or nanmean; NaN, without a warning, if there is no value."""
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
