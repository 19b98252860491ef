"""The score tables, the same for the page and for the Markdown file."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.report.load import GROUPS, METRICS, TARGETS, Report, Row, number
from training.report.notices import same_songs
from training.report.text import condition

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PUBLISHED = Path(__file__).parent / "published.toml"
VIEWS = {
    "v4": "BSS Eval v4, all frames of 1 s",
    "v4_active": "BSS Eval v4, frames of 1 s with voice",
    "v3": "BSS Eval v3 images, windows of 30 s every 15 s",
}
# SI-SDR has no frames of 30 s: it is one number a song, over all of it or over what has voice.
SI_SDR_OF = {"v4": "all", "v4_active": "active"}


@dataclass(frozen=True)
class Cell:
    """Median of medians and mean of means, dB; for SI-SDR median and mean over songs."""

    median: float | None
    mean: float | None
    best: bool = False  # the highest median of several models


@dataclass(frozen=True)
class Line:
    row: Row
    name: str
    cells: tuple[Cell, ...]  # vocals' columns, then the accompaniment's
    change: tuple[float | None, ...]  # of a condition: SDR of vocals and accompaniment less the clean songs'
    missing: tuple[tuple[int, int, int], ...]  # by target: frames without a value, frames, songs without a value


@dataclass(frozen=True)
class ScoreTable:
    """One view of the rows."""

    view: str
    title: str
    columns: tuple[str, ...]  # of one target
    groups: tuple[tuple[str, tuple[Line, ...]], ...]
    changes: bool  # whether `change` says anything


@dataclass(frozen=True)
class SongTable:
    """Median SDR of every song's voice-active frames, dB; arrays are (rows, targets), NaN where there is none."""

    rows: tuple[Row, ...]
    songs: dict[str, npt.NDArray[np.float64]]
    mean: npt.NDArray[np.float64]
    complete: int  # songs that are in the mean


def method_tables(report: Report) -> list[ScoreTable]:
    """References and models on the songs as they are, one table a view."""
    groups = [(group, [row for row in report.methods if row.group == group]) for group in GROUPS]
    return _tables(report, [(name, [(row, row.label) for row in rows]) for name, rows in groups if rows])


def condition_tables(report: Report) -> list[ScoreTable]:
    """Each method on altered songs below the same method on the songs as they are, one table a view."""
    groups: dict[str, list[tuple[Row, str]]] = {}
    for row in report.conditions:
        clean = row.clean
        known = groups.setdefault(clean.id if clean else "", [(clean, "songs as they are")] if clean else [])
        known.append((row, condition(row.condition) if clean else f"{row.label}, {condition(row.condition)}"))
    tables = _tables(
        report, [((rows[0][0].label if identity else "Other rows"), rows) for identity, rows in groups.items()]
    )
    # A view that no altered song was scored in has nothing to compare.
    return [table for table in tables if any(line.row.condition for _, lines in table.groups for line in lines)]


def song_table(report: Report) -> SongTable | None:
    """The methods on every song: median SDR of its frames with voice, and the mean over songs; None without frames."""
    rows = report.methods
    medians = np.full((len(report.songs), len(rows), len(TARGETS)), np.nan)
    for place, song in enumerate(report.songs):
        for column, row in enumerate(rows):
            frames = row.active_frames(song)
            for index, values in enumerate(frames[target] for target in TARGETS if frames):
                known = values[np.isfinite(values)]
                medians[place, column, index] = np.median(known) if len(known) else np.nan
    if np.isnan(medians).all():
        return None
    # Of songs that every row has, or rows would not be comparable.
    complete = medians[~np.isnan(medians).any(axis=(1, 2))]
    mean = complete.mean(axis=0) if len(complete) else np.full(medians.shape[1:], np.nan)
    return SongTable(
        tuple(rows), {song: medians[place] for place, song in enumerate(report.songs)}, mean, len(complete)
    )


def published() -> dict[str, Any]:
    """published.toml; numbers are text, with the digits that were published."""
    return tomllib.loads(PUBLISHED.read_text(encoding="utf-8"), parse_float=str)


def remarks(row: dict[str, Any]) -> str:
    """What has to be said beside a published figure."""
    texts = [row["note"]] if "note" in row else []
    return ", ".join([*texts, "quoted by others"] if row.get("quoted") else texts)


def _tables(report: Report, groups: list[tuple[str, list[tuple[Row, str]]]]) -> list[ScoreTable]:
    tables = []
    for view in [*VIEWS, *sorted({view for row in report.rows for view in row.scores} - VIEWS.keys())]:
        columns = (*METRICS, "SI-SDR") if view in SI_SDR_OF else METRICS
        best = _best(report, [row for _, rows in groups for row, _ in rows if view in row.scores], view, columns)
        lines = [
            (name, tuple(_line(row, text, view, columns, best) for row, text in rows if view in row.scores))
            for name, rows in groups
        ]
        lines = [(name, group) for name, group in lines if group]
        if lines:
            changes = any(value is not None for _, group in lines for line in group for value in line.change)
            tables.append(ScoreTable(view, VIEWS.get(view, view), columns, tuple(lines), changes))
    return tables


def _line(row: Row, name: str, view: str, columns: tuple[str, ...], best: dict[tuple[str, str], float]) -> Line:
    cells, missing, change = [], [], []
    for target in TARGETS:
        for column in columns:
            median, mean = _value(row, view, target, column)
            cells.append(Cell(median, mean, median is not None and best.get((target, column)) == median))
        scores = row.scores[view].get(target, {})
        without, frames, songs = (
            int(scores.get(key) or 0) for key in ("frames_without_value", "frames", "songs_without_value")
        )
        missing.append((without, frames, songs))
        # Medians over different songs have no difference.
        comparable = row.clean and view in row.clean.scores and row.clean.songs_of(view) == row.songs_of(view)
        clean = _value(row.clean, view, target, "SDR")[0] if row.clean and comparable else None
        own = _value(row, view, target, "SDR")[0]
        change.append(None if clean is None or own is None else own - clean)
    return Line(row, name, tuple(cells), tuple(change), tuple(missing))


def _value(row: Row, view: str, target: str, column: str) -> tuple[float | None, float | None]:
    if column == "SI-SDR":
        scores, names = row.si_sdr.get(SI_SDR_OF[view], {}).get(target) or {}, ("median", "mean")
    else:
        scores = row.scores[view].get(target, {}).get(column) or {}
        names = ("median_of_medians", "mean_of_means")
    median, mean = (None if math.isnan(number(scores.get(name))) else scores[name] for name in names)
    return median, mean


def _best(report: Report, rows: list[Row], view: str, columns: tuple[str, ...]) -> dict[tuple[str, str], float]:
    """The highest median by target and metric, where several models separated the same songs, as they are."""
    models = [row for row in rows if row.group == "Models"]
    # Rows of different songs or of altered songs have no best one.
    if len(models) < 2 or any(row.condition for row in rows) or len({row.songs_of(view) for row in models}) > 1:
        return {}
    # Nor have rows that are scored on other frames, or on another recording of the song.
    if any(row.muted() for row in models) or not same_songs(report):
        return {}
    found = {}
    for target in TARGETS:
        for column in columns:
            values = [value for row in models if (value := _value(row, view, target, column)[0]) is not None]
            if values:
                found[target, column] = max(values)
    return found
