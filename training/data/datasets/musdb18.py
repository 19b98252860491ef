"""MUSDB18 (`{train,test}/<Artist - Title>.stem.mp4`) and MUSDB18-HQ (`{train,test}/<Artist - Title>/*.wav`).

The `musdb` package (mus.yaml) provides the 14 validation songs of the train half, the signals that a target is the sum
of, and their files and stream numbers. Its `DB` is not used to list tracks: at every start it runs ffprobe on every
file, and one broken file ends the listing without being named.

Licence: https://sigsep.github.io/datasets/musdb.html and its tracklist.csv: 100 songs of DSD100 "restricted", 46 of
MedleyDB CC BY-NC-SA 4.0, 2 CC BY-NC-SA 3.0, 2 of Native Instruments "restricted"; academic purposes only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from common.programs import require_ffmpeg
from training.data.datasets.track import SONG_STEMS, Source, Track, folders

LICENCE = "MUSDB18: academic purposes only (100 songs restricted, 46 CC BY-NC-SA 4.0, 2 CC BY-NC-SA 3.0, 2 restricted)"
SUFFIX = ".stem.mp4"


def stem_tracks(data: Path, split: str) -> list[Track]:
    """Lists the songs of one split of MUSDB18; needs ffmpeg and ffprobe on the PATH.

    Raises:
        ValueError: the split has no songs, or ffmpeg or ffprobe is missing.
    """
    setup, root = _setup(), _root(data, split)
    files = sorted(root.glob(f"*{SUFFIX}"))
    songs = {file.name.removesuffix(SUFFIX): file for file in files if not file.name.startswith(".")}
    tracks = _tracks("musdb18", songs, split, setup, lambda song, source: (songs[song], setup["stem_ids"][source]))
    if not tracks:
        raise ValueError(
            f"expected {split} songs of MUSDB18, <Artist - Title>{SUFFIX}, in {root}. Received: {len(songs)} such files"
        )
    return tracks


def wav_tracks(data: Path, split: str) -> list[Track]:
    """Lists the songs of one split of MUSDB18-HQ; the package musdb needs ffmpeg and ffprobe on the PATH here, too.

    Raises:
        ValueError: the split has no songs, or ffmpeg or ffprobe is missing.
    """
    setup, root = _setup(), _root(data, split)
    songs = {folder.name: folder for folder in folders(root)}
    tracks = _tracks(
        "musdb18hq", songs, split, setup, lambda song, source: (songs[song] / setup["sources"][source], None)
    )
    if not tracks:
        raise ValueError(
            f"expected {split} songs of MUSDB18-HQ, <Artist - Title>/*.wav, in {root}. Received: {len(songs)} folders"
        )
    return tracks


def _tracks(
    dataset: str, songs: Iterable[str], split: str, setup: dict, where: Callable[[str, str], tuple[Path, int | None]]
) -> list[Track]:
    """Lists the songs of a split; `where` gives the file of a song's source, and its stream there."""
    return [
        Track(
            name=song,
            dataset=dataset,
            kind="song",
            stems={
                target: tuple(
                    Source(*where(song, source), gain=float(gain)) for source, gain in setup["targets"][target].items()
                )
                for target in SONG_STEMS
            },
            licence=LICENCE,
            licence_family="nc",
        )
        for song in _names(list(songs), split, setup)
    ]


def _setup() -> dict:
    require_ffmpeg("musdb18 and musdb18hq")
    import musdb  # imported here: it imports ffmpeg and pyaml, which other data sets do not need

    return musdb.DB(root=".", subsets=[]).setup


def _root(data: Path, split: str) -> Path:
    return data / ("test" if split == "test" else "train")


def _names(names: list[str], split: str, setup: dict) -> list[str]:
    """Selects the songs of a split as `musdb.DB(subsets=…, split=…)` does."""
    if split == "test":
        return names
    return [name for name in names if (name in setup["validation_tracks"]) == (split == "valid")]
