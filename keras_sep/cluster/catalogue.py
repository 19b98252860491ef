"""The songs of a catalogue: what is in folders, behind patterns and in lists."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
from pyarrow import csv, dataset, fs

from keras_sep.batch.records import Records
from keras_sep.batch.songs import Skipped, find_songs, reason_against_name
from keras_sep.cluster.places import Place, failures
from keras_sep.errors import AudioError

LISTS = (".txt", ".csv", ".parquet")
COLUMNS = ("song", "path")  # of a list, where it has several; the manifest is a list, too


@dataclass(frozen=True)
class CatalogueSong:
    """A song of a catalogue.

    Attributes:
        place: where it is.
        name: without its suffix, with its folders below the source's.
        bytes, mtime_ns: None where only a look at each song would tell.

    Examples:
        >>> from keras_sep.cluster.catalogue import CatalogueSong
        >>> from keras_sep.cluster.places import Place
        >>> CatalogueSong(Place("", "/music/live/song.flac"), "live/song").name
        'live/song'
    """

    place: Place
    name: str
    bytes: int | None = None
    mtime_ns: int | None = None


def find_catalogue(sources: Sequence[str], include: Sequence[str], target: Place) -> Iterator[CatalogueSong | Skipped]:
    """Yields the songs of all sources, and what is left out.

    Args:
        sources: folders, files, patterns such as s3://music/*.flac, in which * also stands for /, and lists: files of
            a suffix in `LISTS` with a path or URI a line, or in the column song or path, relative to the list's folder.
        include: of folders, see `keras_sep.batch.songs.find_songs`.
        target: folder of the stems, which is left out.

    Raises:
        AudioError: a source that is not there or cannot be read, or that holds no songs.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.cluster.catalogue import find_catalogue
        >>> from keras_sep.cluster.places import Place
        >>> Path("songs.txt").write_text("live/a.flac\\ncover.flac\\n")
        23
        >>> [song.name for song in find_catalogue(["songs.txt"], [], Place.parse("stems"))]
        ['live/a', 'cover']
    """
    for source in sources:
        place = Place.parse(source)
        if PurePosixPath(place.path).suffix.lower() in LISTS:
            yield from _listed(place)
            continue
        kind = place.info().type
        if kind == fs.FileType.File:
            yield _song(place, PurePosixPath(place.path).stem)
            continue
        patterns = list(include)
        if kind == fs.FileType.NotFound and (found := re.search(r"[*?\[]", place.path)):
            folder = posixpath.dirname(place.path[: found.start()] + "x")
            patterns = [place.path.removeprefix(folder).lstrip("/")]
            place = Place(place.root, folder or "/")
            kind = place.info().type
        if kind == fs.FileType.NotFound:
            raise AudioError(
                f"{place}: expected a folder, a song, a pattern or a list of songs. Received: nothing there"
            )
        found_any = False
        for item in _found(place, patterns, target):
            found_any |= isinstance(item, CatalogueSong)
            yield item
        if not found_any:
            raise AudioError(f"{source}: expected songs. Received: none (--dry-run says what else is there)")


def _found(folder: Place, include: Sequence[str], target: Place) -> Iterator[CatalogueSong | Skipped]:
    if folder.is_local:
        records = Records()
        out = Path(target.path) if target.is_local else Path(os.devnull)
        for item in find_songs(Path(folder.path), include, out, lambda file: records.get(file) is not None):
            yield item if isinstance(item, Skipped) else _song(Place("", str(item.path)), item.name)
        return
    for info in sorted(folder.files(), key=lambda info: info.path):
        below = PurePosixPath(info.path.removeprefix(folder.path).lstrip("/"))
        if info.type != fs.FileType.File:
            continue
        place = Place(folder.root, info.path)
        if any(part.startswith(".") for part in below.parts):
            yield Skipped(Path(str(place)), "hidden")
        elif folder.root == target.root and info.path.startswith(f"{target.path}/"):
            yield Skipped(Path(str(place)), "in the output folder")
        elif reason := reason_against_name(below, include):
            yield Skipped(Path(str(place)), reason)
        else:
            yield CatalogueSong(place, below.with_suffix("").as_posix(), info.size, info.mtime_ns)


def _song(place: Place, name: str) -> CatalogueSong:
    info = place.info()
    return CatalogueSong(place, name, info.size, info.mtime_ns)


def _listed(place: Place) -> list[CatalogueSong]:
    folder = posixpath.dirname(place.path)
    songs = []
    for text in _lines(place):
        is_below = "://" not in text and not (place.is_local and os.path.isabs(text))
        songs.append(
            Place(place.root, posixpath.normpath(posixpath.join(folder, text))) if is_below else Place.parse(text)
        )
    if not songs:
        raise AudioError(f"{place}: expected a list of songs. Received: an empty one")
    # In names are the folders below the one that all songs are in.
    is_one_system = len({song.root for song in songs}) == 1
    common = posixpath.commonpath([posixpath.dirname(song.path) for song in songs]) if is_one_system else ""
    found = []
    for song in songs:
        name = PurePosixPath(song.path.removeprefix(common).lstrip("/")).with_suffix("").as_posix()
        # Of a remote song, only a request would tell the size: of a hundred thousand, none is sent.
        found.append(_song(song, name) if song.is_local else CatalogueSong(song, name))
    return found


def _lines(place: Place) -> list[str]:
    suffix = PurePosixPath(place.path).suffix.lower()
    with failures(f"{place}: cannot read"):
        if suffix == ".parquet":  # one file, or a folder of them, as the manifest is
            table = dataset.dataset(place.path, filesystem=place.filesystem, format="parquet").to_table()
        else:
            with place.filesystem.open_input_file(place.path) as file:
                if suffix == ".txt":
                    try:
                        lines = file.read().decode("utf-8-sig").splitlines()
                    except UnicodeDecodeError as error:
                        raise AudioError(f"{place}: expected UTF-8. Received: {error}") from error
                    return [line.strip() for line in lines if line.strip()]
                # Names such as 001 are text.
                as_text = csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.string()))
                table = csv.read_csv(file, convert_options=as_text)
    names = table.column_names
    name = names[0] if len(names) == 1 else next((name for name in COLUMNS if name in names), None)
    if name is None:
        raise AudioError(f"{place}: expected a column of paths, song or path. Received: {', '.join(names)}")
    column = table.column(name)
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if str(kind) not in ("string", "large_string", "string_view"):
        raise AudioError(f"{place}: expected text in the column {name}. Received: {column.type}")
    return [text for text in column.to_pylist() if text]
