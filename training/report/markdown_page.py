"""The Markdown file table.md: the numbers of the page, for a terminal or a repository."""

from __future__ import annotations

import re

from common.markdown import decibels, table
from training.report.load import TARGETS, Report
from training.report.notices import failures, song_notices, warnings
from training.report.tables import (
    ScoreTable,
    SongTable,
    condition_tables,
    method_tables,
    published,
    remarks,
    song_table,
)
from training.report.text import ONLINE, clock, count


def markdown(report: Report) -> str:
    """Formats the whole file: the measured tables, then the published figures."""
    return "\n".join([f"# {_plain(report.title)}", "", measured(report), *_published()]).rstrip() + "\n"


def measured(report: Report) -> str:
    """Formats the description of the result folders, and the tables of their scores."""
    lines = []
    for folder in report.folders:
        seconds = sum(song.seconds or 0 for song in folder.songs)
        part = f", the {folder.excerpt} s of each song with the most voice" if folder.excerpt else ""
        tools = ", ".join(f"{name} {version}" for name, version in folder.tools.items())
        lines.append(
            f"- {_plain(folder.name)}: {count(len(folder.songs), 'song')}, {clock(seconds)} min, "
            f"{_plain(folder.dataset)}, split {_plain(folder.split)}{part}; {_plain(tools)}; "
            f"scored {folder.date}"
        )
    lines += ["", "Median of medians (mean of means), dB; of SI-SDR, median (mean) over songs.", ""]
    lines += [f"**{_plain(notice)}**\n" for notice in song_notices(report)]
    for scores in method_tables(report):
        lines += _score_table(f"## {scores.title}", scores)
    if songs := song_table(report):
        lines += _song_table(songs)
    for scores in condition_tables(report):
        lines += _score_table(f"## Robustness: {scores.title}", scores)
    failed, warned = failures(report), warnings(report)
    if failed or warned:
        lines += ["## Failed songs and warnings", ""]
        lines += [f"- FAILED {_plain(row)} on {_plain(song)}: {_plain(error)}" for row, song, error in failed]
        lines += [f"- {_plain(song)}: {_plain(text)}" for song, texts in warned.items() for text in texts]
        lines.append("")
    return "\n".join(lines)


def _song_table(songs: SongTable) -> list[str]:
    title = "## Every song: median SDR of its frames of 1 s with voice, V / A"
    rows = [
        [_plain(song), *(" / ".join(map(decibels, pair)) for pair in medians)] for song, medians in songs.songs.items()
    ]
    means = (" / ".join(map(decibels, pair)) for pair in songs.mean)
    rows.append([f"mean of {count(songs.complete, 'song')}", *means])
    return [title, "", table(["", *(_plain(row.label) for row in songs.rows)], rows), ""]


def _score_table(title: str, scores: ScoreTable) -> list[str]:
    changes = ["Δ V", "Δ A"] if scores.changes else []
    columns = [f"{target[0]} {column}" for target in TARGETS.values() for column in scores.columns]
    rows = []
    for name, group in scores.groups:
        for line in group:
            label = f"{line.name} ({note})" if (note := ONLINE[line.row.online]) and not changes else line.name
            cells = [f"{decibels(cell.median)} ({decibels(cell.mean)})" for cell in line.cells]
            change = [decibels(value, sign=True) for value in line.change] if changes else []
            missing = [
                f"{target[0]} {without}/{frames}"
                for target, (without, frames, _) in zip(TARGETS.values(), line.missing, strict=True)
            ]
            if changes:
                label = f"{name}: {label}"
            rows.append([_plain(label), *change, *cells, " ".join(missing)])
    return [title, "", table(["", *changes, *columns, "frames without a value"], rows), ""]


def _published() -> list[str]:
    """Formats the tables of published.toml."""
    data = published()
    columns = [(target, metric) for target in TARGETS for metric in ("SDR", "SIR", "SAR")]
    paper = [[row["system"], *(row[target][metric] for target, metric in columns)] for row in data["paper"]["rows"]]
    others = []
    for row in data["others"]["rows"]:
        values = [_with_mean(row, "vocals"), _with_mean(row, "accompaniment"), row.get("average", "–")]
        others.append([row["system"], *values, row.get("set", "–"), row.get("online", "–"), remarks(row)])
    return [
        "## Published, not measured here, other songs",
        "",
        f"{data['paper']['title']}, {data['paper']['set']}",
        "",
        table(["", *(f"{TARGETS[target][0]} {metric}" for target, metric in columns)], paper),
        "",
        f"{data['others']['title']}. {data['others']['note']}",
        "",
        table(["", "vocals", "accompaniment", "average of 4 stems", "set", "online", "remarks"], others),
    ]


def _with_mean(row: dict[str, str], target: str) -> str:
    mean = row.get(f"{target}_mean")
    return (row.get(target, "–") + (f" (mean {mean})" if mean else "")).replace("-", "−")


def _plain(text: str) -> str:
    """Escapes what Markdown or a table would interpret, on one line."""
    # An underscore within a word needs no backslash, and is easier to read without one.
    text = re.sub(r"([\\`*\[\]|]|\b_|_\b)", r"\\\1", " ".join(text.split()))
    return text.replace("&", "&amp;").replace("<", "&lt;")
