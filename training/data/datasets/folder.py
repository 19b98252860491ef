"""A folder of our own layout, for each split (train, valid, test):

    <split>/songs/<song>/vocals.*, accompaniment.*   aligned stems of one song
    <split>/voices/*                                 voices without music
    <split>/instrumentals/*                          music without voice

An optional `manifest.csv` (columns path, kind, licence, licence_family, …) tells melodised voices (kind
`voice_melodised`), single-instrument tracks (kind `instrument_track`) and licences.
"""

from __future__ import annotations

import csv
from pathlib import Path

from training.data.datasets.track import AUDIO_SUFFIXES, SONG_STEMS, Source, Track

POOLS = {"voices": "voice", "instrumentals": "instrumental"}
KINDS = {"voice_melodised", "instrument_track"}  # of the manifest, beside the folder's own


def tracks(data: Path, split: str, seed: int) -> list[Track]:
    """Tracks of `data/split`, by path.

    Raises:
        ValueError: if there is no audio.
    """
    root = data / split
    rows = manifest(data)
    files = sorted(p for p in root.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES and not p.name.startswith("."))
    if not files:
        raise ValueError(
            f"expected audio below {root}. Received: no file ending in {', '.join(sorted(AUDIO_SUFFIXES))}"
        )
    songs: dict[Path, dict[str, Path]] = {}
    pools: list[Track] = []
    for file in files:
        folder, row = file.relative_to(root).parts[0], rows.get(file.relative_to(data).as_posix(), {})
        if folder == "songs":
            songs.setdefault(file.parent, {})[file.stem] = file
        elif folder in POOLS:
            kind = row.get("kind", "") if row.get("kind") in KINDS else POOLS[folder]
            stems = {kind: (Source(file),)}
            licence, family = row.get("licence", ""), row.get("licence_family", "")
            pools.append(Track(file.stem, "folder", kind, stems, licence, family))
    return [_song(data, folder, stems, rows) for folder, stems in songs.items()] + pools


def _song(data: Path, folder: Path, stems: dict[str, Path], rows: dict[str, dict[str, str]]) -> Track:
    own = [rows.get(file.relative_to(data).as_posix(), {}) for file in stems.values()]
    families = {row.get("licence_family", "") for row in own}
    problem = ""
    if set(stems) != set(SONG_STEMS):
        problem = f"{folder}: expected {' and '.join(SONG_STEMS)}. Received: {', '.join(sorted(stems))}"
    return Track(
        name=folder.name,
        dataset="folder",
        kind="song",
        stems={name: (Source(file),) for name, file in sorted(stems.items(), reverse=True)},
        licence="; ".join(dict.fromkeys(row.get("licence") or "not stated" for row in own)) if any(own) else "",
        licence_family=families.pop() if len(families) == 1 else "nc",  # free only if both are
        problem=problem,
    )


def manifest(data: Path) -> dict[str, dict[str, str]]:
    """Rows of manifest.csv by path; empty if there is none."""
    path = data / "manifest.csv"
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["path"]: row for row in csv.DictReader(file)}
