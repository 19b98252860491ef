"""Result folders, read and merged.

What a summary has to hold is required; what lies beside it may be missing and is then left out of the page.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.evaluation.metrics import METRICS
from training.evaluation.results import FORMAT, ResultFolder, read_json

TARGETS = {"vocals": "Vocals", "accompaniment": "Accompaniment"}
KINDS = {"mixture": "References", "oracle": "References", "classical": "References"}
GROUPS = ("References", "Models")
Frames = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Song:
    """A scored song; `seconds` and `active_seconds` (with voice) are None where the summary does not say."""

    name: str
    seconds: float | None
    active_seconds: float | None
    sample_rate: int | None
    licence: str
    warnings: tuple[str, ...]
    sha256: tuple[str, ...] = ()  # of its stems


@dataclass(frozen=True)
class Excerpt:
    """Some seconds of a song, and of those the best or worst scored one."""

    start: float
    seconds: float
    second: float | None
    sdr: float | None


@dataclass(frozen=True)
class SongScore:
    """One row's scores of one song; `active` is True in the 1 s frames with voice."""

    song: str
    file: str  # name of its files, without the ending
    playable: bool
    licence: str
    active: tuple[bool, ...]
    warnings: tuple[str, ...]
    excerpts: dict[str, Excerpt]


@dataclass(eq=False)
class Row:
    """One method on one condition of the songs."""

    id: str  # safe in HTML and CSS
    folder: Path
    name: str
    label: str
    kind: str
    condition: str
    method: str  # the row of the same method on the songs as they are
    online: bool | None
    about: dict[str, Any]
    songs: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    scores: dict[str, dict[str, dict[str, Any]]]
    si_sdr: dict[str, dict[str, dict[str, float | None]]]
    details: dict[str, SongScore] = field(default_factory=dict)
    colour: int = 0  # 0 is grey
    dash: int = 0  # 0 is a solid line
    clean: Row | None = None  # of a condition: the same method on the songs as they are

    @property
    def group(self) -> str:
        return KINDS.get(self.kind, "Models")

    def frames(self, song: str) -> dict[str, Frames]:
        """SDR in dB by target of every frame of a song, NaN where a frame has none; {} where the file is missing."""
        score = self.details.get(song)
        if score is None:
            return {}
        results, file = ResultFolder(self.folder), score.file
        with _reading(results.museval_file("v4", self.name, file), "museval's JSON of one song"):
            frames = results.frames("v4", self.name, file) or {}
            return {target: metrics["SDR"] for target, metrics in frames.items()}

    def active_frames(self, song: str) -> dict[str, Frames]:
        """SDR of the frames of 1 s with voice."""
        score = self.details.get(song)
        if score is None:
            return {}
        active = np.array(score.active, bool)
        # A last frame that is not whole may count in one of the two only.
        return {
            target: sdr[: len(active)][active[: len(sdr)]] for target, sdr in self.frames(song).items() if len(active)
        }

    def songs_of(self, view: str) -> frozenset[str]:
        """The songs that this view of the scores is of."""
        return frozenset(self.scores.get(view, {}).get("vocals", {}).get("songs", self.songs))

    def muted(self) -> int:
        """1 s frames that have no value only because an estimate is silent."""
        return int(self.scores.get("v4", {}).get("vocals", {}).get("frames_muted") or 0)

    def excerpt_path(self, song: str, name: str, reference: bool = False) -> Path | None:
        """An excerpt's file, e.g. "listen_vocals"; of the row "reference" where that holds it. None if missing."""
        score = self.details.get(song)
        folder = ResultFolder(self.folder).excerpts(
            "reference" if reference else self.name, score.file if score else song
        )
        path = folder / f"{name}.flac"
        return path if path.is_file() else None


@dataclass(frozen=True)
class Folder:
    """What a summary says of all its rows."""

    path: Path
    name: str
    dataset: str
    split: str
    tools: dict[str, str]
    date: str
    excerpt: int | None  # seconds that were scored of each song; None for all
    songs: tuple[Song, ...]

    @property
    def songs_sha256(self) -> frozenset[tuple[str, tuple[str, ...], int | None]]:
        """What tells the audio of two folders apart."""
        return frozenset((song.name, song.sha256, song.sample_rate) for song in self.songs)


@dataclass(frozen=True)
class Report:
    title: str
    folders: tuple[Folder, ...]
    rows: tuple[Row, ...]
    written: datetime

    @property
    def songs(self) -> dict[str, Song]:
        """By name, in the order of the folders; of a song in several the first."""
        songs: dict[str, Song] = {}
        for folder in self.folders:
            for song in folder.songs:
                songs.setdefault(song.name, song)
        return songs

    @property
    def methods(self) -> list[Row]:
        """The rows on the songs as they are, references first."""
        return sorted((row for row in self.rows if not row.condition), key=lambda row: GROUPS.index(row.group))

    @property
    def conditions(self) -> list[Row]:
        return [row for row in self.rows if row.condition]


def load_report(folders: list[Path], title: str) -> Report:
    """Reads result folders; raises ValueError that names the file and what was expected in it."""
    if not folders:
        raise ValueError("expected at least one result folder. Received: none")
    loaded = [_load_folder(path, number) for number, path in enumerate(folders)]
    names = _folder_names(folders)
    rows = [row for _, rows in loaded for row in rows]
    counts = {name: sum(row.name == name for row in rows) for name in {row.name for row in rows}}
    _colour(rows)
    for path, (_, own) in zip(names, loaded, strict=True):
        for row in own:
            if counts[row.name] > 1:
                row.label = f"{row.label} · {path}"
    heads = tuple(Folder(path, name, **head) for path, name, (head, _) in zip(folders, names, loaded, strict=True))
    return Report(title, heads, tuple(rows), datetime.now(timezone.utc))


def number(value: object) -> float:
    """A JSON number, or NaN for null."""
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"a number is {value!r}")
    return float(value)


def _load_folder(path: Path, index: int) -> tuple[dict[str, Any], list[Row]]:
    summary = path / "summary.json"
    if not path.is_dir():
        raise ValueError(f"{path}: expected a result folder of evaluate; there is no such folder")
    if not summary.is_file():
        raise ValueError(
            f"{path}: expected a result folder of evaluate; it holds no summary.json (an evaluate that was "
            "stopped goes on with the same command, and writes it)"
        )
    with _reading(summary, "the summary that evaluate writes"):
        data = read_json(summary)
        if data["format"] != FORMAT:
            raise ValueError(f"{summary}: expected format {FORMAT}. Received: {data['format']!r}")
        head = {
            "dataset": str(data["data"].get("dataset", "")),
            "split": str(data["data"].get("split", "")),
            "date": str(data["data"].get("date") or _modified(summary)),
            "excerpt": data["data"].get("excerpt"),
            "tools": {str(name): str(version) for name, version in data.get("tools", {}).items()},
            "songs": tuple(_song(song) for song in data["data"]["songs"]),
        }
        rows = [_row(path, row, f"r{index}-{number}") for number, row in enumerate(data["rows"])]
    for row in rows:
        for file in sorted((path / "songs" / row.name).glob("*.json")):
            with _reading(file, "the scores of one song that evaluate writes"):
                score = _song_score(read_json(file), file.stem)
            row.details[score.song] = score
    for row in rows:
        row.clean = _clean_row(row, rows)
    return head, rows


@contextlib.contextmanager
def _reading(path: Path, expected: str) -> Iterator[None]:
    """Names the file in whatever is wrong with what it holds."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path}: expected {expected}. Received: {what}") from error
    except ValueError as error:
        if str(error).startswith(str(path)):
            raise
        raise ValueError(f"{path}: expected {expected}. Received: {error}") from error


def _song(data: dict[str, Any]) -> Song:
    rate = data.get("sample_rate")
    return Song(
        str(data["name"]),
        _optional(data.get("seconds")),
        _optional(data.get("active_seconds")),
        None if rate is None else int(rate),
        str(data.get("licence") or ""),
        tuple(map(str, data.get("warnings", []))),
        tuple(map(str, data.get("sha256", []))),
    )


def _row(folder: Path, data: dict[str, Any], identity: str) -> Row:
    return Row(
        id=identity,
        folder=folder,
        name=str(data["row"]),
        label=str(data.get("label") or data["row"]),
        kind=str(data["kind"]),
        condition=str(data.get("condition") or ""),
        method=str(data["method"]),
        online=data.get("online"),
        about=dict(data.get("about") or {}),
        songs=tuple(map(str, data["songs"])),
        failed=tuple((str(failure["song"]), str(failure["error"])) for failure in data.get("failed", [])),
        scores=_checked_scores(data["scores"]),
        si_sdr=_checked_si_sdr(data.get("si_sdr") or {}),
    )


def _checked_scores(scores: dict[str, Any]) -> dict[str, Any]:
    for targets in scores.values():
        for target in targets.values():
            for metric in METRICS:
                for value in (target.get(metric) or {}).values():
                    number(value)
    return scores


def _checked_si_sdr(scores: dict[str, Any]) -> dict[str, Any]:
    for targets in scores.values():
        for target in targets.values():
            for value in target.values():
                number(value)
    return scores


def _song_score(data: dict[str, Any], file: str) -> SongScore:
    excerpts = {
        name: Excerpt(
            number(excerpt["start"]),
            number(excerpt["seconds"]),
            _optional(excerpt.get("second")),
            _optional(excerpt.get("sdr")),
        )
        for name, excerpt in (data.get("excerpts") or {}).items()
    }
    return SongScore(
        str(data["song"]),
        file,
        data.get("playable") is True,
        str(data.get("licence") or ""),
        tuple(bool(value) for value in data.get("active", [])),
        tuple(map(str, data.get("warnings", []))),
        excerpts,
    )


def _optional(value: object) -> float | None:
    return None if value is None else number(value)


def _clean_row(row: Row, rows: list[Row]) -> Row | None:
    """The method of a condition's row on the songs as they are, with the same weights."""
    if not row.condition:
        return None
    same = [other for other in rows if not other.condition and (other.name, other.about) == (row.method, row.about)]
    return same[0] if same else None


def _colour(rows: list[Row]) -> None:
    """One colour a method; the unprocessed mixture is grey, and past the seventh method the line is dashed."""
    methods = sorted((row for row in rows if not row.condition), key=lambda row: row.group == "References")
    coloured = [row for row in methods if row.kind != "mixture"]
    for place, row in enumerate(coloured):
        row.colour, row.dash = 1 + place % 7, place // 7
    for row in rows:
        if row.clean:
            row.colour, row.dash = row.clean.colour, row.clean.dash


def _folder_names(folders: list[Path]) -> list[str]:
    """The folders' own names, or their paths where two are called alike."""
    names = [path.resolve().name for path in folders]
    return names if len(set(names)) == len(names) else [str(path) for path in folders]


def _modified(path: Path) -> str:
    return f"{datetime.fromtimestamp(path.stat().st_mtime, timezone.utc):%Y-%m-%d}"
