"""table.md: the numbers of the page, for a terminal or a repository."""

from __future__ import annotations

import re

from common.markdown import decibels
from training.evaluation.report.load import TARGETS, Report
from training.evaluation.report.notices import failures, song_notices, warnings
from training.evaluation.report.tables import (
    ScoreTable,
    SongTable,
    condition_tables,
    method_tables,
    published,
    remarks,
    song_table,
)
from training.evaluation.report.text import ONLINE, clock, count


def markdown(report: Report) -> str:
    """The whole file, with the published figures."""
    return "\n".join([f"# {_plain(report.title)}", "", measured(report), *_published()]).rstrip() + "\n"


def measured(report: Report) -> str:
    """What was scored, in tables."""
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
    for table in method_tables(report):
        lines += _score_table(f"## {table.title}", table)
    if songs := song_table(report):
        lines += _song_table(songs)
    for table in condition_tables(report):
        lines += _score_table(f"## Robustness: {table.title}", table)
    failed, warned = failures(report), warnings(report)
    if failed or warned:
        lines += ["## Failed songs and warnings", ""]
        lines += [f"- FAILED {_plain(row)} on {_plain(song)}: {_plain(error)}" for row, song, error in failed]
        lines += [f"- {_plain(song)}: {_plain(text)}" for song, texts in warned.items() for text in texts]
        lines.append("")
    return "\n".join(lines)


def _song_table(table: SongTable) -> list[str]:
    lines = ["## Every song: median SDR of its frames of 1 s with voice, V / A", ""]
    lines += _head(["", *(_plain(row.label) for row in table.rows)])
    for song, medians in table.songs.items():
        lines.append(_row([_plain(song), *(" / ".join(map(decibels, pair)) for pair in medians)]))
    means = (" / ".join(map(decibels, pair)) for pair in table.mean)
    return [*lines, _row([f"mean of {count(table.complete, 'song')}", *means]), ""]


def _score_table(title: str, table: ScoreTable) -> list[str]:
    changes = ["Δ V", "Δ A"] if table.changes else []
    columns = [f"{target[0]} {column}" for target in TARGETS.values() for column in table.columns]
    lines = [title, "", *_head(["", *changes, *columns, "frames without a value"])]
    for name, group in table.groups:
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
            lines.append(_row([_plain(label), *change, *cells, " ".join(missing)]))
    return [*lines, ""]


def _published() -> list[str]:
    """The tables of published.toml."""
    data = published()
    lines = ["## Published, not measured here, other songs", ""]
    columns = [(target, metric) for target in TARGETS for metric in ("SDR", "SIR", "SAR")]
    lines += [f"{data['paper']['title']}, {data['paper']['set']}", ""]
    lines += _head(["", *(f"{TARGETS[target][0]} {metric}" for target, metric in columns)])
    for row in data["paper"]["rows"]:
        lines.append(_row([row["system"], *(row[target][metric] for target, metric in columns)]))
    lines += ["", f"{data['others']['title']}. {data['others']['note']}", ""]
    lines += _head(["", "vocals", "accompaniment", "average of 4 stems", "set", "online", "remarks"])
    for row in data["others"]["rows"]:
        values = [_with_mean(row, "vocals"), _with_mean(row, "accompaniment"), row.get("average", "–")]
        lines.append(_row([row["system"], *values, row.get("set", "–"), row.get("online", "–"), remarks(row)]))
    return lines


def _with_mean(row: dict[str, str], target: str) -> str:
    mean = row.get(f"{target}_mean")
    return (row.get(target, "–") + (f" (mean {mean})" if mean else "")).replace("-", "−")


def _head(cells: list[str]) -> list[str]:
    return [_row(cells), "|" + "|".join(["---"] + ["---:"] * (len(cells) - 1)) + "|"]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _plain(text: str) -> str:
    """On one line, and nothing in it that Markdown or a table takes for its own."""
    # An underscore within a word is one, and is easier to read alone.
    text = re.sub(r"([\\`*\[\]|]|\b_|_\b)", r"\\\1", " ".join(text.split()))
    return text.replace("&", "&amp;").replace("<", "&lt;")
