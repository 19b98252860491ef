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
# SI-SDR is one number a song, of the whole song or of its seconds with voice, so the view v3 has none.
SI_SDR_OF = {"v4": "all", "v4_active": "active"}


@dataclass(frozen=True)
class Cell:
    """The median of medians and the mean of means in dB; for SI-SDR the median and the mean over songs."""

    median: float | None
    mean: float | None
    best: bool = False  # the highest median of several models


@dataclass(frozen=True)
class Line:
    row: Row
    name: str
    cells: tuple[Cell, ...]  # columns of the vocals, then of the accompaniment
    change: tuple[float | None, ...]  # under a condition: SDR of vocals and accompaniment minus the clean songs' SDR
    missing: tuple[tuple[int, int, int], ...]  # by target: frames without a value, frames, songs without a value


@dataclass(frozen=True)
class ScoreTable:
    """The scores of the rows in one view."""

    view: str
    title: str
    columns: tuple[str, ...]  # of one target
    groups: tuple[tuple[str, tuple[Line, ...]], ...]
    changes: bool  # whether any line has a change


@dataclass(frozen=True)
class SongTable:
    """The median SDR of every song's voice-active frames in dB; arrays are (rows, targets), NaN if there is none."""

    rows: tuple[Row, ...]
    songs: dict[str, npt.NDArray[np.float64]]
    mean: npt.NDArray[np.float64]
    complete: int  # number of songs in the mean


def method_tables(report: Report) -> list[ScoreTable]:
    """Returns the scores of references and models on the unaltered songs, one table a view."""
    groups = [(group, [row for row in report.methods if row.group == group]) for group in GROUPS]
    return _tables(report, [(name, [(row, row.label) for row in rows]) for name, rows in groups if rows])


def condition_tables(report: Report) -> list[ScoreTable]:
    """Returns the scores of each method on the unaltered songs and, below, on the altered ones; one table a view."""
    groups: dict[str, list[tuple[Row, str]]] = {}
    for row in report.conditions:
        clean = row.clean
        known = groups.setdefault(clean.id if clean else "", [(clean, "songs as they are")] if clean else [])
        known.append((row, condition(row.condition) if clean else f"{row.label}, {condition(row.condition)}"))
    tables = _tables(
        report, [((rows[0][0].label if identity else "Other rows"), rows) for identity, rows in groups.items()]
    )
    # A view without scores of altered songs has nothing to compare.
    return [table for table in tables if any(line.row.condition for _, lines in table.groups for line in lines)]


def song_table(report: Report) -> SongTable | None:
    """Returns the median SDR of every song by every method, and the mean over songs; None without frames."""
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
    # The mean is over the songs that every row has; otherwise rows would not be comparable.
    complete = medians[~np.isnan(medians).any(axis=(1, 2))]
    mean = complete.mean(axis=0) if len(complete) else np.full(medians.shape[1:], np.nan)
    return SongTable(
        tuple(rows), {song: medians[place] for place, song in enumerate(report.songs)}, mean, len(complete)
    )


def published() -> dict[str, Any]:
    """Reads published.toml; numbers are text, with the digits that were published."""
    return tomllib.loads(PUBLISHED.read_text(encoding="utf-8"), parse_float=str)


def remarks(row: dict[str, Any]) -> str:
    """Formats the remarks on a published figure: its note, and whether others quoted it."""
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
        # The difference of medians over different songs would mean nothing.
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
    """Returns the highest median by target and metric; {} unless several models have the same, unaltered songs."""
    models = [row for row in rows if row.group == "Models"]
    # Rows of different songs or of altered songs have no best one.
    if len(models) < 2 or any(row.condition for row in rows) or len({row.songs_of(view) for row in models}) > 1:
        return {}
    # Neither have rows that were scored on different frames, or on different recordings of a song.
    if any(row.muted() for row in models) or not same_songs(report):
        return {}
    found = {}
    for target in TARGETS:
        for column in columns:
            values = [value for row in models if (value := _value(row, view, target, column)[0]) is not None]
            if values:
                found[target, column] = max(values)
    return found
