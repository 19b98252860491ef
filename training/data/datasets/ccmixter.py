"""The data set ccMixter: one folder a song, `<artist>_-_<title>/{mix,source-01,source-02}.wav`.

It has 50 songs. Source: Liutkus, FitzGerald, Rafii, Pardo and Daudet, "Kernel Additive Models for Source Separation",
IEEE Transactions on Signal Processing, 2014.

source-02 is the voice, source-01 the music: https://github.com/f90/Wave-U-Net, CCMixter.xml (instrumentName "Voice" and
"Instrumental"). The corpus has no parts: valid is a fifth, always the same one, train the rest; there is no test part.
Licence: see the data set and, for each song, ccmixter.org.
"""

from __future__ import annotations

from pathlib import Path

from training.data.datasets.track import Source, Track, fifth, folders

LICENCE = "ccMixter: see the data set"


def tracks(data: Path, split: str) -> list[Track]:
    """Lists the songs of "train" or "valid".

    Raises:
        ValueError: the split has no songs, or is "test".
    """
    if split == "test":
        raise ValueError("ccmixter: expected the split train or valid, as the corpus has no test part. Received: test")
    train, valid = fifth(songs(data))
    found = train if split == "train" else valid
    if not found:
        raise ValueError(
            f"expected {split} songs of ccMixter, <artist>_-_<title>/source-01.wav and source-02.wav, in {data}. "
            f"Received: {len(songs(data))} such folders"
        )
    return found


def songs(data: Path) -> list[Track]:
    """Lists all songs, by name."""
    return [
        Track(
            name=folder.name,
            dataset="ccmixter",
            kind="song",
            stems={
                "vocals": (Source(folder / "source-02.wav"),),
                "accompaniment": (Source(folder / "source-01.wav"),),
            },
            licence=LICENCE,
            licence_family="nc",  # the careful choice, as the data set states no licence
        )
        for folder in folders(data)
        if (folder / "source-01.wav").exists() or (folder / "source-02.wav").exists()
    ]
