"""The songs that a command is given, as files and in folders."""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

# Suffixes of songs in folders; a file that is named by itself may have any suffix.
SUFFIXES = frozenset(
    (
        *("aac", "ac3", "aif", "aifc", "aiff", "amr", "ape", "au", "avi", "caf", "flac", "flv", "m4a", "m4b", "m4v"),
        *("mka", "mkv", "mov", "mp2", "mp3", "mp4", "mpg", "mpeg", "oga", "ogg", "ogv", "opus", "rf64", "snd", "tta"),
        *("ts", "w64", "wav", "wave", "webm", "wma", "wmv", "wv", "3gp"),
    )
)


@dataclass(frozen=True)
class Song:
    """Song to separate.

    Attributes:
        path: path of the file; "-" is standard input.
        name: file name without suffix; for a song in an input folder, its path below that folder without suffix.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.batch.songs import Song
        >>> Song(Path("album/live/song.mp3"), name="live/song").path.suffix
        '.mp3'
    """

    path: Path
    name: str


@dataclass(frozen=True)
class Skipped:
    """File or folder that is left out.

    Attributes:
        path: its path.
        reason: the reason, in a few words.
        failed: whether this is an error, and not just a file that is no song.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.batch.songs import Skipped
        >>> Skipped(Path("album/.cover.jpg"), "hidden").failed
        False
    """

    path: Path
    reason: str
    failed: bool = False


def find_songs(
    folder: Path, include: Sequence[str], out: Path, is_output: Callable[[Path], bool]
) -> Iterator[Song | Skipped]:
    """Yields the songs in a folder and in all folders below it, in the order of their names, and what is left out.

    Args:
        folder: input folder.
        include: patterns for file names, or, if they contain "/", for paths below the folder: * stands for anything, ?
            for any character, [ab] for a or b; upper and lower case are the same. Empty for all files with one of
            SUFFIXES.
        out: output folder, which is left out.
        is_output: function that tells whether a file is a stem of an earlier command.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.batch.songs import Song, find_songs
        >>> Path("album/live").mkdir(parents=True)
        >>> for name in ("album/song.mp3", "album/notes.txt", "album/live/song.flac"):
        ...     Path(name).touch()
        >>> found = find_songs(Path("album"), [], out=Path("stems"), is_output=lambda file: False)
        >>> [item.name if isinstance(item, Song) else item.reason for item in found]
        ['live/song', 'not an audio or film file by its suffix (--include takes others)', 'song']
    """
    try:
        seen = {_identity(folder.stat())}
        pending = [*reversed(_entries(folder))]
    except OSError as error:
        yield _unreadable(folder, error)
        return
    skipped = _identity_of(out)
    while pending:
        path = pending.pop()
        below = path.relative_to(folder)
        if path.name.startswith("."):
            yield Skipped(path, "hidden")
            continue
        try:
            status = path.stat()
        except OSError as error:
            yield Skipped(path, "a link to nothing") if path.is_symlink() else _unreadable(path, error)
            continue
        if not stat.S_ISDIR(status.st_mode):
            reason = _reason_against(path, below, status, include, is_output)
            yield Skipped(path, reason) if reason else Song(path, below.with_suffix("").as_posix())
        elif _identity(status) == skipped:
            yield Skipped(path, "the output folder")
        elif _identity(status) in seen:  # this also ends loops of links
            yield Skipped(path, "a folder that has been looked through already")
        else:
            seen.add(_identity(status))
            try:
                pending += reversed(_entries(path))
            except OSError as error:
                yield _unreadable(path, error)


def _reason_against(
    path: Path, below: Path, status: os.stat_result, include: Sequence[str], is_output: Callable[[Path], bool]
) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "not a file"
    return reason_against_name(below, include) or ("made by keras-sep" if is_output(path) else None)


def reason_against_name(below: PurePath, include: Sequence[str]) -> str | None:
    """Returns why a file below a folder is not taken for a song, by its name; None where it is.

    Args:
        below: path below the input folder.
        include: as for `find_songs`.

    Examples:
        >>> from pathlib import PurePath
        >>> from keras_sep.batch.songs import reason_against_name
        >>> reason_against_name(PurePath("live/cover.jpg"), [])
        'not an audio or film file by its suffix (--include takes others)'
    """
    if not include and below.suffix[1:].lower() not in SUFFIXES:
        return "not an audio or film file by its suffix (--include takes others)"
    if include and not any(_matches(below, pattern) for pattern in include):
        return "not in --include"
    return None


def _unreadable(path: Path, error: OSError) -> Skipped:
    return Skipped(path, f"cannot read: {error.strerror or error}", failed=True)


def _matches(below: PurePath, pattern: str) -> bool:
    return fnmatch.fnmatchcase((below.as_posix() if "/" in pattern else below.name).lower(), pattern.lower())


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _identity_of(path: Path) -> tuple[int, int] | None:
    try:
        return _identity(path.stat())
    except OSError:
        return None
