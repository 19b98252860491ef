"""The page index.html: one file that fetches nothing."""

from __future__ import annotations

from pathlib import Path
from string import Template

from training.report import figures, html_tables, media
from training.report.html_tables import detail_tables, published_tables, score_table
from training.report.load import Folder, Report
from training.report.notices import failures, song_notices, warnings
from training.report.tables import condition_tables, method_tables, song_table
from training.report.text import clock, count, escape

HERE = Path(__file__).parent
OPEN_SONGS = 4  # with more songs, their curves are folded


def page(report: Report, num_players: int) -> str:
    """Formats the whole page; at most `num_players` songs get players."""
    sections = [
        ("scores", "Scores", _scores(report)),
        ("robustness", "Robustness", _robustness(report)),
        ("published", "Published", published_tables()),
        ("spread", "Spread over frames", _spread(report)),
        ("songs", "Along the songs", _curves(report)),
        ("seconds", "Best and worst seconds", _seconds(report)),
        ("listen", "Listen", _listen(report, num_players)),
        ("reading", "How to read the numbers", (HERE / "reading.html").read_text(encoding="utf-8")),
        ("details", "Songs and methods", detail_tables(report)),
    ]
    sections = [section for section in sections if section[2]]
    return Template((HERE / "page.html").read_text(encoding="utf-8")).substitute(
        title=escape(report.title),
        style=(HERE / "style.css").read_text(encoding="utf-8") + figures.legend_style(report),
        script=(HERE / "page.js").read_text(encoding="utf-8"),
        head=_head(report),
        contents="".join(f'<a href="#{name}">{title}</a>' for name, title, _ in sections),
        sections="\n".join(
            f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{title}</h2>\n'
            f"{body}\n</section>"
            for name, title, body in sections
        ),
        written=f"{report.written:%Y-%m-%d %H:%M} UTC",
    )


def _head(report: Report) -> str:
    return "".join(_folder_head(folder, len(report.folders) > 1, report) for folder in report.folders)


def _folder_head(folder: Folder, named: bool, report: Report) -> str:
    rows = [row for row in report.rows if row.folder == folder.path]
    methods = [row for row in rows if not row.condition]
    seconds = sum(song.seconds or 0 for song in folder.songs)
    voiced = sum(song.active_seconds or 0 for song in folder.songs)
    altered = len({row.condition for row in rows if row.condition})
    facts = {
        "Methods": count(len(methods), "method") + (f", {count(altered, 'altered condition')}" if altered else ""),
        "Songs": f"{count(len(folder.songs), 'song')}, {clock(seconds)} min, {clock(voiced)} min with voice",
        "Data": f"{folder.dataset or 'not stated'}, split {folder.split or 'not stated'}"
        + (f", the {folder.excerpt} s of each song with the most voice" if folder.excerpt else ""),
        "Scored": folder.date,
        "Tools": ", ".join(f"{name} {version}" for name, version in folder.tools.items()) or "not stated",
    }
    items = "".join(f"<div><dt>{name}</dt><dd>{escape(text)}</dd></div>" for name, text in facts.items())
    title = f"<h2>{escape(folder.name)}</h2>" if named else ""
    return f'{title}<dl class="facts">{items}</dl>'


def _scores(report: Report) -> str:
    notices = "".join(f'<p class="notice">{escape(notice)}</p>' for notice in song_notices(report))
    tables = method_tables(report)
    bodies = "".join(f"<h3>{escape(table.title)}</h3>{score_table(table)}" for table in tables)
    best = any(cell.best for table in tables for _, lines in table.groups for line in lines for cell in line.cells)
    bold = "; <b>bold</b>: the best median among the models" if best else ""
    lead = (
        "<p>Large: the median over frames, then over songs. Small: the mean of means. "
        f"In dB, higher is better{bold}.</p>"
    )
    by_song = song_table(report)
    songs = by_song and (
        "<h3>Every song</h3><p>Median SDR of its frames of 1 s with voice. Large: voice. Small: accompaniment.</p>"
        + html_tables.song_table(by_song)
    )
    return notices + lead + bodies + (songs or "") + _trouble(report)


def _trouble(report: Report) -> str:
    failed, warned = failures(report), warnings(report)
    if not failed and not warned:
        return "<p>No song failed, and there are no warnings.</p>"
    parts = []
    if failed:
        items = "".join(
            f"<li><b>{escape(row)}</b> on <i>{escape(song)}</i>: {escape(error)}</li>" for row, song, error in failed
        )
        parts.append(f'<h3>Failed songs</h3><ul class="bad">{items}</ul>')
    if warned:
        items = "".join(
            f"<li><i>{escape(song)}</i>: {escape(text)}</li>" for song, texts in warned.items() for text in texts
        )
        parts.append(f"<h3>Warnings</h3><ul>{items}</ul>")
    return "".join(parts)


def _robustness(report: Report) -> str:
    tables = condition_tables(report)
    if not tables:
        return ""
    first, *rest = tables
    folded = "".join(
        f"<details><summary>{escape(table.title)}</summary>{score_table(table)}</details>" for table in rest
    )
    return (
        "<p>The same songs, altered before they are separated. Δ: the change of the median SDR against the songs as "
        f"they are.</p><h3>{escape(first.title)}</h3>{score_table(first)}{folded}"
    )


def _spread(report: Report) -> str:
    plots = figures.box_plots(report)
    return plots and (
        "<p>SDR of all songs’ frames of 1 s with voice. Box: the middle half of the frames; bar: median, which the "
        f"number repeats; dot: mean; line: 5th to 95th percentile.</p>{plots}"
    )


def _curves(report: Report) -> str:
    drawn = {song: curves for song in report.songs if (curves := figures.song_curves(report, song))}
    if not drawn:
        return ""
    parts = any(folder.excerpt for folder in report.folders)
    blocks = []
    for number, (song, curves) in enumerate(drawn.items()):
        seconds = report.songs[song].seconds
        length = f" <small>{clock(seconds)}</small>" if seconds else ""
        if len(drawn) > OPEN_SONGS:
            opened = " open" if number == 0 else ""
            summary = f"<summary><h3>{escape(song)}{length}</h3></summary>"
            blocks.append(f'<details{opened}>{summary}<div class="pair">{curves}</div></details>')
        else:
            blocks.append(f'<h3>{escape(song)}{length}</h3><div class="pair">{curves}</div>')
    return (
        "<p>Shaded: someone sings. Where nobody does, the SDR of the vocals says little. Higher is "
        f"better.{' Times count from the start of the part that was scored.' if parts else ''}</p>"
        f'<fieldset class="legend"><legend class="unseen">Curves shown</legend>{figures.legend(report)}</fieldset>'
        + "".join(blocks)
    )


def _seconds(report: Report) -> str:
    cards = media.spectrograms(report)
    return cards and (
        "<p>Of each method, over all songs, the second with voice that has the highest and the one that has the "
        "lowest vocals SDR, between the two lines. The three pictures share one scale; left: frequency in kHz, "
        f"mel-spaced. The mixture is the sum of the true stems.</p>{cards}"
    )


def _listen(report: Report, num_players: int) -> str:
    grids = media.players(report, num_players)
    withheld = media.withheld(report)
    missing = f"{count(withheld, 'song')}: the licence is not known to allow passing on excerpts." if withheld else ""
    if not grids:
        return f"<p>No players. {missing}</p>" if missing and num_players else ""
    return (
        "<p>The same seconds of a song throughout, as MP3. A player that starts while another one of its song plays "
        f"takes over where that one is.{f' Left out, {missing}' if missing else ''}</p>{grids}"
    )
