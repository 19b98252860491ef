"""The songs that two data sets share: MUSDB18's test half holds 46 songs of DSD100, 23 of its Dev and 23 of its Test
part; its train half holds the other 27 + 27, and 46 songs of MedleyDB (tests/training/data/datasets/test_leakage.py
counts them).

Songs are compared by their names, regardless of numbering, punctuation and case; files are compared by SHA-256.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping

from common.exposure import DIGITS
from training.data.stems import Stem, StemPool

# One song has two titles. The folders of DSD100 and the files of MUSDB18 say "Patrick Talbot - Set Me Free", the
# track lists of both (dsdtools/configs/tracklist.csv; sigsep/website, datasets/assets/tracklist.csv) "Set Free Me".
ALIASES = {"patricktalbotsetfreeme": "patricktalbotsetmefree"}


def song_key(name: str) -> str:
    """Reduces a song's name to its letters and digits, in lower case, without accents and without a leading number.

    "051 - AM Contra - Heart Peripheral" becomes "amcontraheartperipheral"; "MusicDelta_Rock" and "Music Delta - Rock"
    become "musicdeltarock".
    """
    text = re.sub(r"^\s*\d+\s*[-–._]\s*(?=\S)", "", name).replace("&", " and ")
    text = unicodedata.normalize("NFKD", text).casefold()
    key = "".join(letter for letter in text if letter.isalnum())
    return ALIASES.get(key, key) or name


def shared_songs(a: Iterable[str], b: Iterable[str]) -> list[str]:
    """Returns the names in `b` of the songs that are also in `a`, sorted."""
    keys = {song_key(name) for name in a}
    return sorted({name for name in b if song_key(name) in keys})


def refuse_shared(
    trained: Iterable[str],
    other: Iterable[str],
    what: str,
    advice: str = "Leave them out with --exclude-shared",
    *,
    trained_sha256: Collection[str] = (),
    other_sha256: Mapping[str, str] | None = None,
) -> None:
    """Raises ValueError if songs, or files, to validate or score on were trained on.

    Args:
        trained: names of the songs trained on.
        other: names of the songs to validate or score on.
        what: the other side in words, such as "validation" or "the songs to score".
        advice: what to do about it, for the message.
        trained_sha256: hashes of the stems trained on, or at least their first DIGITS digits.
        other_sha256: for each stem to validate or score on, its song or path by its hash (`stem_hashes`).

    Raises:
        ValueError: some are shared; names them.
    """
    shared = shared_songs(trained, other)
    hashes = {sha256[:DIGITS]: name for sha256, name in (other_sha256 or {}).items()}
    common = {sha256[:DIGITS] for sha256 in trained_sha256} & set(hashes)
    shared += sorted({hashes[sha256] for sha256 in common} - set(shared))
    if shared:
        raise ValueError(
            f"{what}: {len(shared)} of the songs were trained on, so a score would not mean anything: "
            f"{'; '.join(shared)}. {advice}"
        )


def without_stems(pool: StemPool, sha256: Collection[str]) -> StemPool:
    """Leaves out the recordings with one of these hashes, or first digits of hashes, and the songs that hold one."""
    left_out = {each[:DIGITS] for each in sha256}

    def keeps(*stems: Stem) -> bool:
        return not left_out & {stem.sha256[:DIGITS] for stem in stems}

    pools = (
        [stem for stem in stems if keeps(stem)] for stems in (pool.voices, pool.instrumentals, pool.instrument_tracks)
    )
    return StemPool([song for song in pool.songs if keeps(song.vocals, song.accompaniment)], *pools)


def pool_songs(pool: StemPool) -> list[str]:
    """Returns the names of the songs in a pool."""
    return [song.name for song in pool.songs]


def stem_hashes(pool: StemPool) -> dict[str, str]:
    """Returns the song of each stem in a pool, or the path of a stem without a song, by the stem's SHA-256."""
    return {stem.sha256: stem.song or stem.path for stem in pool.stems() if stem.sha256}
