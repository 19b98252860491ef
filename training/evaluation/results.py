"""The result folder, which `evaluate` writes and `report` reads.

    OUT/summary.json, summary.md            the aggregated scores of every row; computed from the files below
    OUT/data.json                           the songs, tools and versions
    OUT/rows/<row>.json                     description of the row: label, kind, condition, weights, failed songs
    OUT/v4/<row>/test/<song>.json           BSS Eval v4, 1 s frames, in museval's schema
    OUT/v3/<row>/test/<song>.json           BSS Eval v3 images, 30 s windows every 15 s, in museval's schema
    OUT/songs/<row>/<song>.json             the other scores of a song; written last: if it exists, the song is done
    OUT/excerpts/<row>/<song>/*.flac        a few seconds to play and show; the row "reference" holds the true stems
    OUT/estimates/<row>/test/<song>/*.wav   with --save-estimates, where museval's command finds them

The folder "test" stands for every split, because museval's tools read no other name.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.files import locked, write_json, write_text
from training.evaluation.metrics import METRICS, PROTOCOLS
from training.evaluation.scored_mixture import SOURCES

KINDS = ("mixture", "classical", "estimates", "model", "oracle")
FORMAT = 1  # of a result folder; raised when scoring changes

Values = npt.NDArray[np.float64]
FrameScores = dict[str, dict[str, Values]]  # by source, by metric: one value a window, NaN if a window has none


def require_row_name(name: str) -> str:
    """Returns `name` if it can name a row's folder: letters, digits and ._+-, not hidden, not "reference".

    Raises:
        ValueError: it cannot.
    """
    if not re.fullmatch(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*", name) or name == "reference":
        raise ValueError(f"expected a name of letters, digits and ._+- other than reference. Received: {name!r}")
    return name


@dataclass(frozen=True)
class ResultFolder:
    """A result folder: its paths, and reading and writing of its files."""

    path: Path

    def row_file(self, row: str) -> Path:
        return self.path / "rows" / f"{row}.json"

    def song_file(self, row: str, song: str) -> Path:
        return self.path / "songs" / row / f"{song}.json"

    def museval_file(self, protocol: str, row: str, song: str) -> Path:
        return self.path / protocol / row / "test" / f"{song}.json"

    def excerpts(self, row: str, song: str) -> Path:
        return self.path / "excerpts" / row / song

    def estimates(self, row: str, song: str) -> Path:
        return self.path / "estimates" / row / "test" / song

    @contextmanager
    def work_folder(self) -> Iterator[Path]:
        """Locks the result folder, and yields an empty folder in it, which is deleted with the context.

        Also deletes what a killed process left in that.

        Raises:
            ValueError: another process writes to the result folder.
        """
        folder = self.path / ".work"
        with locked(self.path, "evaluate"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def rows(self) -> list[dict[str, Any]]:
        """Reads the descriptions of the rows, sorted by kind as in KINDS, then in the order of their first scoring."""
        keys = ("row", "label", "kind", "condition", "method", "online", "about", "failed", "order")
        rows = [read_json(path, *keys) for path in sorted((self.path / "rows").glob("*.json"))]
        return sorted(rows, key=lambda row: (KINDS.index(row["kind"]), row["order"]))

    def song(self, row: str, song: str) -> dict[str, Any] | None:
        """Reads the scores of a song other than museval's; None if the row lacks the song."""
        path = self.song_file(row, song)
        return read_json(path, "song", "key", "seconds", "active", "si_sdr") if path.is_file() else None

    def write_frames(self, protocol: str, row: str, song: str, values: dict[str, Values]) -> None:
        """Writes scores (sources, windows) by metric in museval's schema."""
        import museval

        chosen = PROTOCOLS[protocol]
        store = museval.TrackStore(song, win=chosen.window_s, hop=chosen.hop_s)
        for index, source in enumerate(SOURCES):
            store.add_target(source, {metric: values[metric][index].tolist() for metric in METRICS})
        store.validate()
        path = self.museval_file(protocol, row, song)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, store.json)

    def frames(self, protocol: str, row: str, song: str) -> FrameScores | None:
        """Reads museval's scores of a song; None if it was not scored by this protocol."""
        path = self.museval_file(protocol, row, song)
        if not path.is_file():
            return None
        try:
            targets = {target["name"]: target["frames"] for target in read_json(path, "targets")["targets"]}
            return {
                source: {
                    metric: np.array([frame["metrics"][metric] for frame in targets[source]], np.float64)
                    for metric in METRICS
                }
                for source in SOURCES
            }
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path}: expected scores in museval's schema. Received: no {error}") from error

    def write(self, path: Path, value: object) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, value)

    def delete_song(self, row: str, song: str) -> None:
        """Deletes everything that a row has of a song."""
        self.song_file(row, song).unlink(missing_ok=True)
        for protocol in PROTOCOLS:
            self.museval_file(protocol, row, song).unlink(missing_ok=True)
        for folder in (self.excerpts(row, song), self.estimates(row, song)):
            shutil.rmtree(folder, ignore_errors=True)

    def delete_row(self, row: str) -> None:
        for path in (self.path / "songs" / row).glob("*.json"):
            self.delete_song(row, path.stem)
        self.row_file(row).unlink(missing_ok=True)


def read_json(path: Path, *keys: str) -> Any:
    """Reads a JSON file of `evaluate`.

    Args:
        path: the file.
        keys: keys that its object must have; without any, it may be of any type.

    Raises:
        ValueError: the file is missing or broken, or lacks a key.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: expected JSON of `python -m training evaluate`. Received: {error}") from error
    missing = [key for key in keys if key not in value] if isinstance(value, dict) else ["an object"]
    if missing:
        raise ValueError(
            f"{path}: expected JSON of `python -m training evaluate`. Received: one without {', '.join(missing)}"
        )
    return value
