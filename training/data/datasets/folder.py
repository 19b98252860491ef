"""The data set "folder", a folder in this project's layout.

It holds for each split (train, valid, test):

    <split>/songs/<song>/vocals.*, accompaniment.*   aligned stems of one song; other names: common/song_stems.py
    <split>/voices/*                                 voices without music
    <split>/instrumentals/*                          music without voice

An optional `manifest.csv` (columns path, kind, licence, licence_family, …) states licences, and marks melodised voices
(kind `voice_melodised`) and single-instrument tracks (kind `instrument_track`).
"""

from __future__ import annotations

import csv
from pathlib import Path

from common.song_stems import AUDIO_SUFFIXES, audio_files, folders_below, stem_files
from training.data.datasets.track import Source, Track

POOLS = {"voices": "voice", "instrumentals": "instrumental"}
KINDS = {"voice_melodised", "instrument_track"}  # kinds that a manifest states instead of the folder's


def tracks(data: Path, split: str) -> list[Track]:
    """Lists the tracks of `data/split`, by path: songs, then voices and instrumentals.

    Raises:
        ValueError: the split holds no audio, or manifest.csv cannot be read.
    """
    root = data / split
    rows = manifest(data)
    files = sorted(file for folder in folders_below(root) for file in audio_files(folder))
    if not files:
        raise ValueError(
            f"expected audio below {root}. Received: no file ending in {', '.join(sorted(AUDIO_SUFFIXES))}"
        )
    songs: dict[Path, None] = {}
    pools: list[Track] = []
    for file in files:
        folder, row = file.relative_to(root).parts[0], rows.get(file.relative_to(data).as_posix(), {})
        if folder == "songs":
            songs[file.parent] = None
        elif folder in POOLS:
            kind = row.get("kind", "") if row.get("kind") in KINDS else POOLS[folder]
            stems = {kind: (Source(file),)}
            licence, family = row.get("licence", ""), row.get("licence_family", "")
            pools.append(Track(file.stem, "folder", kind, stems, licence, family))
    return [_song(data, folder, rows) for folder in songs] + pools


def _song(data: Path, folder: Path, rows: dict[str, dict[str, str]]) -> Track:
    stems: dict[str, list[Path]] = {}
    problem = ""
    try:
        stems = stem_files(folder)
    except ValueError as error:
        problem = str(error)
    own = [rows.get(file.relative_to(data).as_posix(), {}) for files in stems.values() for file in files]
    families = {row.get("licence_family", "") for row in own}
    return Track(
        name=folder.name,
        dataset="folder",
        kind="song",
        stems={name: tuple(Source(file) for file in files) for name, files in stems.items()},
        licence="; ".join(dict.fromkeys(row.get("licence") or "not stated" for row in own)) if any(own) else "",
        licence_family=families.pop() if len(families) == 1 else "nc",  # free only if all stems are
        problem=problem,
    )


def manifest(data: Path, *columns: str) -> dict[str, dict[str, str]]:
    """Reads the rows of manifest.csv, by path; empty if there is no such file.

    Args:
        data: folder of the data set.
        columns: names of columns that the file must have besides path.

    Raises:
        ValueError: the file is not UTF-8, or lacks a column.
    """
    path = data / "manifest.csv"
    if not path.exists():
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets begin UTF-8 with a byte order mark
            reader = csv.DictReader(file, restval="")
            rows, found = list(reader), reader.fieldnames or ()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected UTF-8. Received: {error}") from error
    if missing := {"path", *columns} - set(found):
        raise ValueError(
            f"{path}: expected columns, separated by commas, with {', '.join(sorted(missing))} among them. "
            f"Received: {', '.join(found) or 'none'}"
        )
    return {row["path"]: row for row in rows}
