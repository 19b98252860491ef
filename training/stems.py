"""Folders of stems as memory-mapped arrays.

Layout, for each split (train, valid, test):

    <split>/songs/<song>/vocals.*, accompaniment.*   aligned stems of one song
    <split>/voices/*                                 voices without music
    <split>/instrumentals/*                          music without voice

An optional `manifest.csv` (columns path, kind, licence_family, …) marks single-instrument tracks
(kind `instrument_track`) and licences. Each file is decoded once into int16 .npy files beside each
other in a cache folder, and read from there by page.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from tqdm import tqdm

AUDIO_SUFFIXES = {".wav", ".flac", ".ogg", ".mp3"}
Audio = npt.NDArray[np.int16]


@dataclass
class Stem:
    """One decoded file: int16 (samples, 1 or 2), memory-mapped."""

    path: str
    kind: str
    audio: Audio
    licence: str = ""
    sha256: str = ""

    def read(self, start: int, samples: int) -> npt.NDArray[np.float32]:
        """float32 (samples, channels) in [−1, 1]; zeros past the end."""
        block = self.audio[start : start + samples].astype(np.float32) / 32768.0
        return np.pad(block, ((0, samples - len(block)), (0, 0)))


@dataclass
class Song:
    name: str
    vocals: Stem
    accompaniment: Stem


@dataclass
class StemPool:
    """All material of one split."""

    songs: list[Song] = field(default_factory=list)
    voices: list[Stem] = field(default_factory=list)
    instrumentals: list[Stem] = field(default_factory=list)
    instrument_tracks: list[Stem] = field(default_factory=list)

    def stems(self) -> Iterator[Stem]:
        for song in self.songs:
            yield song.vocals
            yield song.accompaniment
        yield from self.voices
        yield from self.instrumentals
        yield from self.instrument_tracks


def load_pool(
    data: Path, split: str, cache: Path, sample_rate: int, licences: str = "all", progress: bool = True
) -> StemPool:
    """Reads one split of a data folder, decoding what the cache lacks.

    Args:
        data: folder in the layout above.
        split: "train", "valid" or "test".
        cache: folder for the decoded arrays; safe to delete.
        sample_rate: Hz; other rates are resampled.
        licences: "all", or "free" for the files whose licence_family is `free`.

    Raises:
        ValueError: if the split holds no audio, or the stems of a song differ in length.
    """
    root = data / split
    rows = _manifest(data)
    if licences == "free" and not rows:
        raise ValueError(f"licences=free needs the licences of a manifest.csv. Received: {data}, which has none")
    files = sorted(p for p in root.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)
    if not files:
        raise ValueError(
            f"expected audio below {root}. Received: no file ending in {', '.join(sorted(AUDIO_SUFFIXES))}"
        )
    pool = StemPool()
    songs: dict[str, dict[str, Stem]] = {}
    for file in tqdm(files, desc=f"decode {split}", unit="file", disable=not progress):
        relative = file.relative_to(data).as_posix()
        row = rows.get(relative, {})
        if licences == "free" and row.get("licence_family") != "free":
            continue
        folder = file.relative_to(root).parts[0]
        audio, sha256 = _decode(file, cache, sample_rate)
        stem = Stem(relative, row.get("kind", ""), audio, row.get("licence", ""), sha256)
        if folder == "songs":
            songs.setdefault(file.parent.name, {})[file.stem] = stem
        elif folder == "voices":
            pool.voices.append(stem)
        elif stem.kind == "instrument_track":
            pool.instrument_tracks.append(stem)
        elif folder == "instrumentals":
            pool.instrumentals.append(stem)
    for name, stems in songs.items():
        if set(stems) != {"vocals", "accompaniment"}:
            raise ValueError(f"{split}/songs/{name}: expected vocals and accompaniment. Received: {sorted(stems)}")
        lengths = {len(stem.audio) for stem in stems.values()}
        if len(lengths) > 1:
            raise ValueError(f"{split}/songs/{name}: expected stems of one length. Received: {sorted(lengths)} samples")
        pool.songs.append(Song(name, stems["vocals"], stems["accompaniment"]))
    return pool


def _manifest(data: Path) -> dict[str, dict[str, str]]:
    path = data / "manifest.csv"
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def _decode(file: Path, cache: Path, sample_rate: int) -> tuple[Audio, str]:
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    target = cache / f"{sha256[:24]}-{sample_rate}.npy"
    if not target.exists():
        audio, rate = soundfile.read(file, dtype="float32", always_2d=True)
        if rate != sample_rate:
            audio = soxr.resample(audio, rate, sample_rate)
        cache.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(f".{os.getpid()}.part")
        with part.open("wb") as out:
            np.save(out, np.round(np.clip(audio[:, :2], -1.0, 32767 / 32768) * 32768).astype(np.int16))
        part.replace(target)
    return np.load(target, mmap_mode="r"), sha256
