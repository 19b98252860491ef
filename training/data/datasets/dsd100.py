"""DSD100: `Mixtures/{Dev,Test}/NNN - Artist - Title/mixture.wav` and
`Sources/{Dev,Test}/NNN - Artist - Title/{bass,drums,other,vocals}.wav`.

valid is a fifth of Dev, 10 of its 50 songs and always the same; train is the rest of Dev; test is Test.
The mixtures are not read: a mixture is vocals + accompaniment.

Layout: https://github.com/faroit/dsdtools (README, `dsdtools/__init__.py`). Licence: the songs come from the 'Mixing
Secrets' library, to which https://sigsep.github.io/datasets/dsd100.html refers for the rights; the tracklist.csv of
MUSDB18, which holds the same songs, calls them "Restricted".
"""

from __future__ import annotations

from pathlib import Path

from training.data.datasets.track import Source, Track, fifth, folders

LICENCE = "DSD100: restricted, see the 'Mixing Secrets' library"
ACCOMPANIMENT = ("bass", "drums", "other")


def tracks(data: Path, split: str) -> list[Track]:
    """Lists the songs of one split.

    Raises:
        ValueError: the split has no songs.
    """
    songs = subset(data, "Test" if split == "test" else "Dev")
    if split != "test":
        train, valid = fifth(songs)
        songs = train if split == "train" else valid
    if not songs:
        raise ValueError(
            f"expected {split} songs of DSD100, NNN - Artist - Title, in {data / 'Sources'}/{{Dev,Test}}. Received: "
            f"{len(subset(data, 'Dev'))} in Dev, {len(subset(data, 'Test'))} in Test"
        )
    return songs


def subset(data: Path, name: str) -> list[Track]:
    """Lists the songs of "Dev" or "Test"."""
    return [
        Track(
            name=folder.name,
            dataset="dsd100",
            kind="song",
            stems={
                "vocals": (Source(folder / "vocals.wav"),),
                "accompaniment": tuple(Source(folder / f"{source}.wav") for source in ACCOMPANIMENT),
            },
            licence=LICENCE,
            licence_family="nc",
        )
        for folder in folders(data / "Sources" / name)
    ]
