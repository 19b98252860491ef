"""The training set of Doire, "Online Singing Voice Separation Using a Recurrent One-dimensional U-NET Trained with Deep
Feature Losses", ICASSP 2019: 130 songs of three data sets, 20 of them held out for validation, tested on DSD100.

    <data>/DSD100      50 songs of Dev; its 50 songs of Test are the test split
    <data>/MedleyDB    50 songs with vocals
    <data>/ccMixter    30 songs

The paper does not name its songs. If a data set has more songs than the paper used, so many of them are drawn, always
the same ones, and so are the 20 songs for validation. If there are fewer than 130 songs, 20/130 of them are held out,
with a note on stderr. Case does not matter in the names of the folders.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from training.data.datasets import ccmixter, dsd100, medleydb
from training.data.datasets.track import Track, folders, hold_out

TRAIN_SONGS, VALID_SONGS = 110, 20
PARTS: dict[str, tuple[int, Callable[[Path], list[Track]]]] = {
    "DSD100": (50, lambda data: dsd100.subset(data, "Dev")),
    "MedleyDB": (50, lambda data: [song for song in medleydb.songs(data) if song.kind == "song" and not song.problem]),
    "ccMixter": (30, ccmixter.songs),
}


def tracks(data: Path, split: str) -> list[Track]:
    """Lists the songs of one split, each with the name of its data set.

    Raises:
        ValueError: a data set is missing, or there are too few songs to hold one out.
    """
    found = {folder.name.lower(): folder for folder in folders(data)}
    if missing := [name for name in PARTS if name.lower() not in found]:
        raise ValueError(
            f"expected the folders {', '.join(PARTS)} in {data}. Missing: {', '.join(missing)}. "
            f"Received: {', '.join(folder.name for folder in found.values()) or 'no folder'}"
        )
    if split == "test":
        return dsd100.tracks(found["dsd100"], "test")
    songs: list[Track] = []
    counts = []
    for name, (wanted, read) in PARTS.items():
        there = read(found[name.lower()])
        songs += hold_out(there, wanted)[1]
        counts.append(f"{min(len(there), wanted)} of {wanted} {name}")
    wanted = TRAIN_SONGS + VALID_SONGS
    count = max(1, len(songs) * VALID_SONGS // wanted)
    if len(songs) < wanted and split == "train":
        print(f"paper: {len(songs)} of {wanted} songs are there ({', '.join(counts)})", file=sys.stderr)
    train, valid = hold_out(songs, count)
    if not train:
        raise ValueError(f"expected at least 2 songs in {data}. Received: {', '.join(counts)}")
    return train if split == "train" else valid
