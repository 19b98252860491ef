"""The folder of a song and the names of the stems in it, here and in other data sets and separators."""

from __future__ import annotations

import os
from pathlib import Path

AUDIO_SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aif", ".aiff"}
PADDING_S = 0.1  # stems whose lengths differ by up to this are cut to the shortest: coders pad to whole blocks

VOCALS = "vocals"
ACCOMPANIMENT = ("accompaniment", "no_vocals", "instrumental")  # Spleeter and museval, Demucs, others
PARTS = ("drums", "bass", "other", "guitar", "piano")  # of the accompaniment: MUSDB18-HQ, DSD100, Demucs
MIXTURES = ("mixture", "mix")  # not read: a mixture is the sum of its stems
KNOWN = (VOCALS, *ACCOMPANIMENT, *PARTS, *MIXTURES)


def folders_below(root: Path) -> list[Path]:
    """Lists `root` and all folders below it, also those that links lead to, but no folder within itself."""
    found: list[Path] = []
    above = {str(root): frozenset({os.path.realpath(root)})}  # real paths of a folder to enter and of those above it
    for folder, names, _ in os.walk(root, followlinks=True):
        found.append(Path(folder))
        known = above.pop(folder)
        inner = {name: os.path.realpath(os.path.join(folder, name)) for name in names}
        names[:] = [name for name, real in inner.items() if real not in known]
        above |= {os.path.join(folder, name): known | {inner[name]} for name in names}
    return sorted(found)


def audio_files(folder: Path) -> list[Path]:
    """Lists the audio files in a folder by name, without hidden ones (macOS leaves `._x` behind)."""
    found = (path for path in folder.iterdir() if path.suffix.lower() in AUDIO_SUFFIXES and path.name[0] != ".")
    return sorted(path for path in found if not path.is_dir())  # a link to a missing file stays: it is to be named


def stem_files(folder: Path) -> dict[str, list[Path]]:
    """Finds the files to add up for a song's vocals and for its accompaniment; case does not matter in their names.

    The accompaniment is one file or, without such a file, the sum of its parts. A mixture is left out.

    Raises:
        ValueError: a name is unknown or occurs twice, or a stem is missing.
    """
    named: dict[str, Path] = {}
    for file in audio_files(folder):
        name = file.stem.lower()
        if name not in KNOWN:
            raise ValueError(f"{folder}: expected stems named {', '.join(KNOWN)}. Received: {file.name}")
        if name in named:
            raise ValueError(f"{folder}: expected one file named {name}. Received: {named[name].name} and {file.name}")
        named[name] = file
    whole = [named[name] for name in ACCOMPANIMENT if name in named][:1]
    accompaniment = whole or [named[name] for name in PARTS if name in named]
    if VOCALS not in named or not accompaniment:
        found = ", ".join(file.name for file in named.values()) or "no audio"
        raise ValueError(f"{folder}: expected vocals and accompaniment, or parts of it. Received: {found}")
    return {VOCALS: [named[VOCALS]], "accompaniment": accompaniment}
