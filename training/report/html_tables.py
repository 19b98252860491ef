"""The tables of the page; wide ones scroll in a box, with a fixed first column."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from common.markdown import decibels
from training.report.figures import swatch
from training.report.load import TARGETS, Report
from training.report.tables import Line, ScoreTable, SongTable, published, remarks
from training.report.text import ONLINE, clock, condition, count, escape

PAPER_METRICS = ("SDR", "SIR", "SAR")


def score_table(table: ScoreTable) -> str:
    """Formats a score table with its rows by group; the median is large, the mean small."""
    changes = len(TARGETS) if table.changes else 0
    # Two more: the name, and the frames without a value.
    width = 2 + changes + len(TARGETS) * len(table.columns)
    delta = '<th scope="colgroup" colspan="2" class="first">Δ SDR</th>' if changes else ""
    deltas = '<th scope="col" class="first">voice</th><th scope="col">accomp.</th>' if changes else ""
    missing = '<th rowspan="2" scope="col" class="first">Frames without<br>a value</th>'
    groups, heads = _target_heads(table.columns)
    bodies = "".join(
        f'<tbody><tr class="group"><th scope="rowgroup" colspan="{width}"><span>{escape(name)}</span></th></tr>'
        f"{''.join(_line(line, bool(changes)) for line in lines)}</tbody>"
        for name, lines in table.groups
    )
    head = f'<tr><td rowspan="2"></td>{delta}{groups}{missing}</tr><tr>{deltas}{heads}</tr>'
    return _table(f"{table.title}: median of medians and mean of means in dB", head, bodies)


def song_table(table: SongTable) -> str:
    """Formats a table of songs by methods; the voice is large, the accompaniment small."""
    body = "".join(_song_row(escape(song), medians) for song, medians in table.songs.items())
    mean = _song_row(f"mean of {count(table.complete, 'song')}", table.mean)
    return _table(
        "Median SDR of every song's frames of 1 s with voice, in dB",
        _heads(
            ["", *(f'<span class="method">{swatch(row)}<span>{escape(row.label)}</span></span>' for row in table.rows)],
            [],
        ),
        f"<tbody>{body}</tbody><tbody>{mean}</tbody>",
    )


def _song_row(name: str, medians: npt.NDArray[np.float64]) -> str:
    cells = "".join(
        f"<td{_first(not place)}>{decibels(voice)}<small>{decibels(rest)}</small></td>"
        for place, (voice, rest) in enumerate(medians)
    )
    return f'<tr><th scope="row">{name}</th>{cells}</tr>'


def _line(line: Line, changes: bool) -> str:
    half = len(line.cells) // len(TARGETS)
    cells = []
    for number, cell in enumerate(line.cells):
        median = f"<b>{decibels(cell.median)}</b>" if cell.best else decibels(cell.median)
        cells.append(f"<td{_first(number % half == 0)}>{median}<small>{decibels(cell.mean)}</small></td>")
    deltas = []
    for number, value in enumerate(line.change if changes else ()):
        text = "" if value is None else decibels(value, sign=True)
        deltas.append(f'<td class="delta{"" if number else " first"}">{text}</td>')
    note = "" if changes else ONLINE[line.row.online]
    small = f"<small>{note}</small>" if note else ""
    return (
        f'<tr><th scope="row"><span class="method">{swatch(line.row)}'
        f"<span>{escape(line.name)}{small}</span></span></th>"
        f'{"".join(deltas)}{"".join(cells)}<td class="first missing">{_missing(line)}</td></tr>'
    )


def _missing(line: Line) -> str:
    """Formats how many of all frames have no value; once if voice and accompaniment agree."""
    texts = [
        f"{without} of {frames}" + (f", {count(songs, 'song')} without any" if songs else "")
        for without, frames, songs in line.missing
    ]
    if len(set(texts)) == 1:
        return texts[0]
    return "<br>".join(f"{title[0]} {text}" for title, text in zip(TARGETS.values(), texts, strict=True))


def published_tables() -> str:
    data = published()
    paper, others = data["paper"], data["others"]
    groups, heads = _target_heads(PAPER_METRICS)
    rows = "".join(
        f'<tr><th scope="row">{escape(row["system"])}</th>'
        + "".join(
            f"<td{_first(metric == PAPER_METRICS[0])}>{_digits(row[target][metric])}</td>"
            for target in TARGETS
            for metric in PAPER_METRICS
        )
        + "</tr>"
        for row in paper["rows"]
    )
    head = _heads(["", "Vocals", "Accompaniment", "Mean of 4 stems"], ["Songs", "Online"])
    return (
        '<p class="notice">Published, not measured here, other songs: to compare orders of magnitude, not tenths.</p>'
        f"<h3>{escape(paper['title'])}</h3><p>{escape(paper['set'])}, dB. {escape(paper['note'])}</p>"
        + _table(paper["title"], f'<tr><td rowspan="2"></td>{groups}</tr><tr>{heads}</tr>', f"<tbody>{rows}</tbody>")
        + f"<h3>{escape(others['title'])}</h3><p>{escape(others['note'])} "
        "Online: the latency of those that work on a stream.</p>"
        + _table(others["title"], head, f"<tbody>{''.join(map(_published_row, others['rows']))}</tbody>")
    )


def _published_row(row: dict[str, Any]) -> str:
    small = f"<small>{escape(text)}</small>" if (text := remarks(row)) else ""
    cells = []
    for target in TARGETS:
        mean = row.get(f"{target}_mean")
        cells.append(_digits(row.get(target, "–")) + (f"<small>mean {_digits(mean)}</small>" if mean else ""))
    return (
        f'<tr><th scope="row">{escape(row["system"])}{small}</th><td class="first">{cells[0]}</td><td>{cells[1]}</td>'
        f'<td>{_digits(row.get("average", "–"))}</td><td class="first text">{escape(row.get("set", "–"))}</td>'
        f'<td class="text">{escape(row.get("online", "–"))}</td></tr>'
    )


def detail_tables(report: Report) -> str:
    """Formats folded tables that describe the songs and the rows."""
    playable = {score.song: score.playable for row in report.rows for score in row.details.values()}
    songs = "".join(
        f'<tr><th scope="row">{escape(song.name)}</th><td class="first">{_time(song.seconds)}</td>'
        f"<td>{_time(song.active_seconds)}</td><td>{song.sample_rate or '–'}</td>"
        f'<td class="first text">{escape(song.licence or "not stated")}</td>'
        f'<td class="text">{"yes" if playable.get(song.name) else "no"}</td></tr>'
        for song in report.songs.values()
    )
    rows = "".join(
        f'<tr><th scope="row">{escape(row.label)}</th><td class="first">{len(row.songs)}</td>'
        f'<td class="first text">{escape(row.name)}</td><td class="text">{escape(row.kind)}</td>'
        f'<td class="text">{escape(condition(row.condition) or "–")}</td>'
        f'<td class="text">{ONLINE[row.online] or "–"}</td>'
        f'<td class="text">{escape("; ".join(f"{key}: {value}" for key, value in row.about.items()) or "–")}</td></tr>'
        for row in report.rows
    )
    song_head = _heads(["Song", "Length", "With voice", "Hz"], ["Licence", "Excerpts may be passed on"])
    row_head = _heads(["Label", "Songs"], ["Row", "Kind", "Condition", "Works", "About"])
    return (
        f"<details><summary>{count(len(report.songs), 'song')}</summary>"
        f"{_table('Songs', song_head, f'<tbody>{songs}</tbody>')}</details>"
        f"<details><summary>{count(len(report.rows), 'row')} of scores</summary>"
        f"{_table('Rows', row_head, f'<tbody>{rows}</tbody>')}</details>"
    )


def _table(caption: str, head: str, bodies: str) -> str:
    """Puts a table into a box that the keyboard can scroll."""
    caption = escape(caption)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}"><table>'
        f'<caption class="unseen">{caption}</caption><thead>{head}</thead>{bodies}</table></div>'
    )


def _heads(numbers: list[str], texts: list[str]) -> str:
    """Formats one row of heads: the first column, columns of numbers and columns of text."""
    first, *numbers = numbers
    cells = [f'<th scope="col">{first}</th>' if first else "<td></td>"]
    cells += [f'<th scope="col"{_first(not place)}>{name}</th>' for place, name in enumerate(numbers)]
    cells += [
        f'<th scope="col" class="{"" if place else "first "}text">{name}</th>' for place, name in enumerate(texts)
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _target_heads(columns: tuple[str, ...]) -> tuple[str, str]:
    """Formats two rows of heads: the targets, and the metrics of each."""
    titles = TARGETS.values()
    groups = "".join(f'<th scope="colgroup" colspan="{len(columns)}" class="first">{title}</th>' for title in titles)
    heads = "".join(
        f'<th scope="col"{_first(not number)}><span class="unseen">{title} </span>{column}</th>'
        for title in titles
        for number, column in enumerate(columns)
    )
    return groups, heads


def _first(yes: bool) -> str:
    return ' class="first"' if yes else ""


def _digits(text: str) -> str:
    return escape(text.replace("-", "−"))


def _time(seconds: float | None) -> str:
    return "–" if seconds is None else clock(seconds)
