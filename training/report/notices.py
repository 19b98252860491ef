"""The notices that a reader needs before comparing rows: plain sentences, not escaped."""

from __future__ import annotations

from training.report.load import Report
from training.report.text import condition as condition_text
from training.report.text import count


def song_notices(report: Report) -> list[str]:
    """Returns a notice for each case in which rows were not scored on the same songs or frames."""
    notices = []
    sets = [frozenset(song.name for song in folder.songs) for folder in report.folders]
    if len(set(sets)) == 1 and not same_songs(report):
        notices.append(
            "The folders hold songs of the same names, but not the same recordings or parts of them, so rows of "
            "different folders must not be compared."
        )
    if len(set(sets)) > 1:
        shared = frozenset.intersection(*sets)
        each = "; ".join(
            f"{folder.name}: {count(len(songs), 'song')}" for folder, songs in zip(report.folders, sets, strict=True)
        )
        notices.append(
            "The folders hold different songs, so rows of different folders must not be compared. "
            f"{each}; {len(shared)} in all of them."
        )
    for folder in report.folders:
        names = {song.name for song in folder.songs}
        short = [row for row in report.rows if row.folder == folder.path and set(row.songs) != names]
        if short:
            rows = "; ".join(f"{row_name(row.label, row.condition)}: {len(row.songs)} of {len(names)}" for row in short)
            notices.append(f"Not every row was scored on every song. {rows}.")
    for row in report.rows:
        parts = {view: row.songs_of(view) for view in row.scores}
        if len(set(parts.values())) > 1:
            counts = "; ".join(f"{view}: {count(len(songs), 'song')}" for view, songs in parts.items())
            notices.append(
                f"{row_name(row.label, row.condition)} was not scored on the same songs throughout. {counts}."
            )
        if row.muted():
            notices.append(
                f"{row_name(row.label, row.condition)} is silent in {count(row.muted(), 'frame')} of 1 s where the "
                "true stems are not. Such frames have no value: its figures are of fewer frames than those of others."
            )
    return notices


def same_songs(report: Report) -> bool:
    """Whether all folders were scored on the same audio."""
    return len({(folder.songs_sha256, folder.excerpt) for folder in report.folders}) <= 1


def failures(report: Report) -> list[tuple[str, str, str]]:
    """Returns (row, song, error) for every song that failed."""
    return [(row_name(row.label, row.condition), song, error) for row in report.rows for song, error in row.failed]


def warnings(report: Report) -> dict[str, list[str]]:
    """Returns the warnings by song, each once; one that concerns only some rows names them."""
    found: dict[str, dict[str, list[str]]] = {}
    for folder in report.folders:
        for song in folder.songs:
            for warning in song.warnings:
                found.setdefault(song.name, {})[warning] = []
    general = {(song, warning) for song, texts in found.items() for warning in texts}
    for row in report.rows:
        for score in row.details.values():
            for warning in score.warnings:
                if (score.song, warning) not in general:
                    rows = found.setdefault(score.song, {}).setdefault(warning, [])
                    rows.append(row_name(row.label, row.condition))
    return {
        song: [f"{warning} ({'; '.join(rows)})" if rows else warning for warning, rows in texts.items()]
        for song, texts in found.items()
    }


def row_name(label: str, condition: str) -> str:
    """Returns the label of a row, with its condition unless the label already ends with it."""
    text = condition_text(condition)
    return label if label.endswith(f", {text}") or not text else f"{label}, {text}"
