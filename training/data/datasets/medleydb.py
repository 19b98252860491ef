"""The data sets MedleyDB 1.0 and 2.0.

They hold for each song, anywhere below the data folder (Audio/, V1/, V2/, …):

    <Artist_Title>/<Artist_Title>_STEMS/<Artist_Title>_STEM_NN.wav
    <Artist_Title>/<Artist_Title>_METADATA.yaml, or Metadata/<Artist_Title>_METADATA.yaml in Audio/, next to it, or in
    the data folder

The second place is that of https://github.com/marl/medleydb (medleydb/data/Metadata), which has the metadata of both
versions. The field `instrument` of a stem, in the terms of that repository's taxonomy.yaml, decides whether it is a
voice:

- singers, rappers, screamers, speakers, vocalists and choirs are vocals: a listener would call all of them the voice;
- beatboxing plays the drums' part, and a crowd is not a singer: both are accompaniment;
- a song with a stem labelled `Main System`, `Unlabeled` or not at all is named and left out: it may hold a voice.

A song without vocals is an instrumental, one without accompaniment a voice. The stems are added as they are: the
mixture is vocals + accompaniment, not the mastered `_MIX.wav` (the mixing coefficients of the repository are fitted to
spectra; some are 0 and some above 5). Songs whose metadata say `has_bleed: yes` have some music in their vocals and
some voice in their accompaniment; they are used for training, and for validation only if there are no others.

There are no official parts: valid is a fifth of the songs and a fifth of the instrumentals, always the same ones; train
is the rest; there is no test part. Licence: https://medleydb.weebly.com/description.html, "Creative Commons
Attribution - NonCommercial - ShareAlike"; version 4.0 according to https://sigsep.github.io/datasets/musdb.html.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common.song_stems import folders_below
from training.data.datasets.track import Source, Track, hold_out

LICENCE = "CC BY-NC-SA 4.0"
VOCALS = {
    *("male singer", "female singer", "male rapper", "female rapper", "male screamer", "female screamer"),
    *("male speaker", "female speaker", "vocalists", "choir"),
}
UNKNOWN = {"main system", "unlabeled", "", "none"}


def tracks(data: Path, split: str) -> list[Track]:
    """Lists the songs, instrumentals and voices of "train" or "valid".

    Raises:
        ValueError: the split has none, or is "test".
    """
    if split == "test":
        raise ValueError("medleydb: expected the split train or valid, as MedleyDB has no test part. Received: test")
    everything = songs(data)
    drawn: set[str] = set()
    for kind in ("song", "instrumental"):
        of_kind = [track for track in everything if track.kind == kind and not track.problem]
        clean = [track for track in of_kind if not track.has_bleed] or of_kind
        drawn |= {track.name for track in hold_out(clean, max(1, len(of_kind) // 5))[1]}
    found = [track for track in everything if (track.name in drawn) == (split == "valid")]
    if not found:
        raise ValueError(
            f"expected {split} songs of MedleyDB, <Artist_Title>/<Artist_Title>_STEMS, below {data}. "
            f"Received: {len(everything)} such folders"
        )
    return found


def songs(data: Path) -> list[Track]:
    """Lists all songs by name, also those with only voices, only music, or a problem."""
    stems = {path.parent.name: path for path in folders_below(data) if path.name.endswith("_STEMS")}
    return [_track(data, name, path) for name, path in sorted(stems.items()) if path.name == f"{name}_STEMS"]


def _track(data: Path, name: str, stems: Path) -> Track:
    def unusable(problem: str) -> Track:
        return Track(name, "medleydb", "song", problem=problem)

    folders = [stems.parent, *(up / "Metadata" for up in (stems.parents[1], stems.parents[2], data))]
    path = next((p for folder in folders if (p := folder / f"{name}_METADATA.yaml").exists()), None)
    if path is None:
        return unusable(f"{stems.parent}: expected {name}_METADATA.yaml in it or in Metadata/. Received: no such file")
    import yaml  # imported here, because only this data set needs it

    try:
        metadata = yaml.safe_load(path.read_text(encoding="utf-8"))
        parts: dict[str, list[Source]] = {"vocals": [], "accompaniment": []}
        for _, stem in sorted(metadata["stems"].items()):
            instruments = _words(stem["instrument"])
            if instruments & UNKNOWN or not instruments:
                return unusable(f"{path}: {stem['filename']} is labelled {stem['instrument']!r}: it may hold a voice")
            part = "vocals" if instruments & VOCALS else "accompaniment"
            parts[part].append(Source(stems / stem["filename"]))
        bleed = _words(metadata["has_bleed"]) & {"yes", "true"}
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        return unusable(f"{path}: not metadata of MedleyDB ({type(error).__name__}: {' '.join(str(error).split())})")
    if parts["vocals"] and parts["accompaniment"]:
        kind, described = "song", {part: tuple(sources) for part, sources in parts.items()}
    elif parts["vocals"]:
        kind, described = "voice", {"voice": tuple(parts["vocals"])}
    elif parts["accompaniment"]:
        kind, described = "instrumental", {"instrumental": tuple(parts["accompaniment"])}
    else:
        return unusable(f"{path}: expected stems. Received: none")
    return Track(name, "medleydb", kind, described, LICENCE, "nc", has_bleed=bool(bleed))


def _words(value: Any) -> set[str]:
    """Returns one label or several in lower case; also takes True, as which YAML reads an unquoted `yes`."""
    return {str(label).strip().lower() for label in (value if isinstance(value, list) else [value])}
