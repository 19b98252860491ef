"""The reading and merging of result folders.

The summary of a folder must be complete; the other files may be missing, and their content is then left out of the
page.
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
    """A scored song; `seconds` and `active_seconds` (those with voice) are None if the summary does not state them."""

    name: str
    seconds: float | None
    active_seconds: float | None
    sample_rate: int | None
    licence: str
    warnings: tuple[str, ...]
    sha256: tuple[str, ...] = ()  # hashes of its stems


@dataclass(frozen=True)
class Excerpt:
    """An excerpt of a song, in s; of one around the best or worst second also the start and the SDR of that second."""

    start: float
    seconds: float
    second: float | None
    sdr: float | None  # of the vocals, in dB


@dataclass(frozen=True)
class SongScore:
    """The scores of one song by one row; `active` is True for the 1 s frames with voice."""

    song: str
    file: str  # name of its files, without suffix
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
    method: str  # name of the row of the same method on the unaltered songs
    online: bool | None
    about: dict[str, Any]
    songs: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    scores: dict[str, dict[str, dict[str, Any]]]
    si_sdr: dict[str, dict[str, dict[str, float | None]]]
    details: dict[str, SongScore] = field(default_factory=dict)
    colour: int = 0  # 0 is grey
    dash: int = 0  # 0 is a solid line
    clean: Row | None = None  # for a row under a condition: the same method on the unaltered songs

    @property
    def group(self) -> str:
        return KINDS.get(self.kind, "Models")

    def frames(self, song: str) -> dict[str, Frames]:
        """Reads the SDR of every frame of a song in dB, by target; NaN if a frame has none, {} without the file."""
        score = self.details.get(song)
        if score is None:
            return {}
        results, file = ResultFolder(self.folder), score.file
        with _reading(results.museval_file("v4", self.name, file), "museval's JSON of one song"):
            frames = results.frames("v4", self.name, file) or {}
            return {target: metrics["SDR"] for target, metrics in frames.items()}

    def active_frames(self, song: str) -> dict[str, Frames]:
        """Reads the SDR of the 1 s frames with voice of a song in dB, by target; {} without the file."""
        score = self.details.get(song)
        if score is None:
            return {}
        active = np.array(score.active, bool)
        # Only one of the two may count an incomplete last frame.
        return {
            target: sdr[: len(active)][active[: len(sdr)]] for target, sdr in self.frames(song).items() if len(active)
        }

    def songs_of(self, view: str) -> frozenset[str]:
        """Returns the songs that have scores in this view."""
        return frozenset(self.scores.get(view, {}).get("vocals", {}).get("songs", self.songs))

    def muted(self) -> int:
        """Returns the number of 1 s frames that have no value only because an estimate is silent."""
        return int(self.scores.get("v4", {}).get("vocals", {}).get("frames_muted") or 0)

    def excerpt_path(self, song: str, name: str, reference: bool = False) -> Path | None:
        """Returns the path of an excerpt, such as "listen_vocals", or None if it is missing.

        With `reference`, the excerpt is of the true stems.
        """
        score = self.details.get(song)
        folder = ResultFolder(self.folder).excerpts(
            "reference" if reference else self.name, score.file if score else song
        )
        path = folder / f"{name}.flac"
        return path if path.is_file() else None


@dataclass(frozen=True)
class Folder:
    """The facts of a summary that are the same for all of its rows."""

    path: Path
    name: str
    dataset: str
    split: str
    tools: dict[str, str]
    date: str
    excerpt: int | None  # seconds of each song that were scored; None for all
    songs: tuple[Song, ...]

    @property
    def songs_sha256(self) -> frozenset[tuple[str, tuple[str, ...], int | None]]:
        """Names, hashes and sample rates of the songs, which differ between folders of different audio."""
        return frozenset((song.name, song.sha256, song.sample_rate) for song in self.songs)


@dataclass(frozen=True)
class Report:
    title: str
    folders: tuple[Folder, ...]
    rows: tuple[Row, ...]
    written: datetime

    @property
    def songs(self) -> dict[str, Song]:
        """The songs by name, in the order of the folders; the first folder with a song describes it."""
        songs: dict[str, Song] = {}
        for folder in self.folders:
            for song in folder.songs:
                songs.setdefault(song.name, song)
        return songs

    @property
    def methods(self) -> list[Row]:
        """The rows on the unaltered songs, references first."""
        return sorted((row for row in self.rows if not row.condition), key=lambda row: GROUPS.index(row.group))

    @property
    def conditions(self) -> list[Row]:
        return [row for row in self.rows if row.condition]


def load_report(folders: list[Path], title: str) -> Report:
    """Reads result folders; raises ValueError, which names the file and what was expected in it."""
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
    """Returns a JSON number as a float, NaN for null; raises TypeError for anything else."""
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
            f"{path}: expected a result folder of evaluate; it holds no summary.json (if evaluate was stopped, run "
            "the same command again: it continues, and writes the summary)"
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
    """Turns every error about the content of a file into a ValueError that names the file."""
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
    """Finds the row of the same method, with the same weights, on the unaltered songs; None if there is none."""
    if not row.condition:
        return None
    same = [other for other in rows if not other.condition and (other.name, other.about) == (row.method, row.about)]
    return same[0] if same else None


def _colour(rows: list[Row]) -> None:
    """Assigns a colour to each method, grey to the unprocessed mixture; from the eighth method on, lines are dashed."""
    methods = sorted((row for row in rows if not row.condition), key=lambda row: row.group == "References")
    coloured = [row for row in methods if row.kind != "mixture"]
    for place, row in enumerate(coloured):
        row.colour, row.dash = 1 + place % 7, place // 7
    for row in rows:
        if row.clean:
            row.colour, row.dash = row.clean.colour, row.clean.dash


def _folder_names(folders: list[Path]) -> list[str]:
    """Returns the names of the folders, or their paths if two have the same name."""
    names = [path.resolve().name for path in folders]
    return names if len(set(names)) == len(names) else [str(path) for path in folders]


def _modified(path: Path) -> str:
    return f"{datetime.fromtimestamp(path.stat().st_mtime, timezone.utc):%Y-%m-%d}"
