"""The data sets: `load_split` reads one split of any of them into a `StemPool`.

Each data set has a reader (one file each), which lists tracks without opening audio. The stems of the tracks are
decoded once, into a cache. To add a data set, write its `tracks(data, split)` and name it in DATASETS.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from common.song_stems import PADDING_S
from training.data.datasets import ccmixter, dsd100, folder, medleydb, musdb18, paper
from training.data.datasets.cache import DecodeCache
from training.data.datasets.decode import Unreadable
from training.data.datasets.leakage import song_key
from training.data.datasets.track import Track, label
from training.data.stems import Song, Stem, StemPool

DATASETS: dict[str, Callable[[Path, str], list[Track]]] = {
    "folder": folder.tracks,
    "musdb18": musdb18.stem_tracks,
    "musdb18hq": musdb18.wav_tracks,
    "dsd100": dsd100.tracks,
    "medleydb": medleydb.tracks,
    "ccmixter": ccmixter.tracks,
    "paper": paper.tracks,
}
SPLITS = ("train", "valid", "test")


def load_split(
    data: Path,
    split: Literal["train", "valid", "test"],
    cache: Path,
    sample_rate: int,
    *,
    dataset: str = "folder",
    licences: str = "all",
    strict: bool = False,
    exclude: Collection[str] = (),
    progress: bool = True,
) -> StemPool:
    """Reads one split of a data set; decodes the stems that the cache lacks.

    Args:
        data: folder of the data set, in the layout that its reader documents.
        split: "train", "valid" or "test".
        cache: folder for the decoded arrays; safe to delete.
        sample_rate: Hz; recordings of other rates are resampled.
        dataset: one of DATASETS.
        licences: "all", or "free" for only those tracks whose licence_family in a folder's manifest.csv is `free`.
        strict: makes a track that cannot be used an error; otherwise it is named on stderr and skipped.
        exclude: names of songs to leave out, in the spelling of any data set (see `leakage.song_key`).
        progress: shows a progress bar while stems are decoded.

    Raises:
        ValueError: an argument is wrong, the split holds no track, or no track of it can be used.
    """
    _check(data, split, dataset, licences)
    # Resolved, so that cache entries and relative paths do not depend on the spelling of the path.
    data = data.resolve()
    tracks = DATASETS[dataset](data, split)
    listed = len(tracks)
    if licences == "free":
        tracks = [track for track in tracks if track.licence_family == "free"]
    excluded = {song_key(name) for name in exclude}
    tracks = [track for track in tracks if song_key(track.name) not in excluded]
    if not tracks:
        raise ValueError(
            f"expected {split} tracks in {data}. Received: {listed}, of which licences={licences} and the "
            f"{len(excluded)} excluded songs leave none"
        )
    decoded = DecodeCache(cache, sample_rate)
    missing = sum(
        decoded.find(track.dataset, sources) is None
        for track in tracks
        for sources in track.stems.values()
        if not track.problem
    )
    pool, first = StemPool(), ""
    hidden = True if not progress or not missing else None  # None: hidden unless stderr is a terminal
    with tqdm(total=missing, desc=f"decode {split}", unit="stem", disable=hidden, leave=False) as bar:
        for track in tracks:
            try:
                _add(pool, track, _stems(track, data, decoded, bar))
            except Unreadable as error:
                if strict:
                    raise ValueError(f"{track.name}: {error}") from error
                first = first or str(error)
                tqdm.write(f"skipped {track.name}: {error}", file=sys.stderr)
    if not any(True for _ in pool.stems()):
        raise ValueError(f"none of the {len(tracks)} {split} tracks in {data} can be used. First: {first}")
    return pool


def _check(data: Path, split: str, dataset: str, licences: str) -> None:
    if dataset not in DATASETS:
        raise ValueError(f"dataset: expected one of {', '.join(DATASETS)}. Received: {dataset}")
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}. Received: {split}")
    if licences not in ("all", "free"):
        raise ValueError(f"licences: expected all or free. Received: {licences}")
    if not data.is_dir():
        raise ValueError(f"expected the folder of the data set {dataset}. Received: {data}, which is none")
    if licences == "free" and (dataset != "folder" or not folder.manifest(data, "licence_family")):
        raise ValueError(
            f"licences=free needs the licences of a manifest.csv, which a data set of kind folder may have. "
            f"Received: {dataset}, {data}"
        )


def _stems(track: Track, data: Path, cache: DecodeCache, bar: tqdm) -> dict[str, Stem]:
    if track.problem:
        raise Unreadable(track.problem)
    stems = {}
    for name, sources in track.stems.items():
        entry = cache.find(track.dataset, sources)
        if entry is None:
            entry = cache.decode(track.dataset, sources)
            bar.update()
        stems[name] = Stem(
            path=label(sources, data),
            kind=name,
            audio=entry.audio,
            licence=track.licence,
            sha256=entry.sha256,
            scale=entry.scale,
            song=track.name if track.kind == "song" else "",
            dataset=track.dataset,
        )
    if track.kind == "song":
        lengths = sorted(len(stem.audio) for stem in stems.values())
        if lengths[-1] - lengths[0] > PADDING_S * cache.sample_rate:
            where = stems["vocals"].path
            raise Unreadable(f"{where}: expected stems of one length. Received: {lengths} samples")
        for stem in stems.values():
            stem.audio = stem.audio[: lengths[0]]
    return stems


def _add(pool: StemPool, track: Track, stems: dict[str, Stem]) -> None:
    if track.kind == "song":
        pool.songs.append(Song(track.name, stems["vocals"], stems["accompaniment"], track.dataset))
    elif track.kind == "instrument_track":
        pool.instrument_tracks += stems.values()
    elif track.kind == "instrumental":
        pool.instrumentals += stems.values()
    else:
        pool.voices += stems.values()
