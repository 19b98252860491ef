"""What stems were made of, kept beside them: one small JSON file a folder."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_sep._version import __version__
from keras_sep.audio.parts import part_of
from keras_sep.errors import AudioError
from keras_sep.outputs import FileOptions, Output

RECORD = ".keras-sep.json"
FORMAT = 1
Entry = dict[str, Any]


def made_of(song: Path, output: Output, options: FileOptions, model: str, model_name: str) -> Entry:
    """Returns all that an output depends on.

    Args:
        song: the input, or "-".
        model: SHA-256 of the model file.
        model_name: what to call it, a preset's name for one.

    Raises:
        OSError: the song is not there.
    """
    status = None if str(song) == "-" else song.stat()
    return {
        "song": _relative(song, output.path.parent) if status else "-",
        "bytes": status and status.st_size,
        "mtime_ns": status and status.st_mtime_ns,
        **made_by(output.gains, options, model, model_name),
    }


def made_by(gains: Mapping[str, Any], options: FileOptions, model: str, model_name: str) -> Entry:
    """Returns what an output depends on besides its song.

    Args:
        gains: of the stems in it.
        options, model, model_name: as for `made_of`.

    Example:
        >>> from keras_sep.batch.records import made_by
        >>> from keras_sep.outputs import FileOptions
        >>> made_by({"vocals": 1.0}, FileOptions(), "0123", "base")["format"]
        'wav'
    """
    return {
        "model": model,
        "model_name": model_name,
        "gains": dict(gains),
        **{field: value for field, value in dataclasses.asdict(options).items() if field != "strict"},
        "version": __version__,
    }


def differences(old: Entry, new: Entry, folder: Path) -> list[str]:
    """Returns what an output was made of instead, in words; empty where it is the same."""
    if old["song"] != new["song"] or new["song"] == "-":
        song = "standard input" if old["song"] == "-" else os.path.normpath(folder / str(old["song"]))
        return [f"of {song}"]
    found = []
    if (old["bytes"], old["mtime_ns"]) != (new["bytes"], new["mtime_ns"]):
        found.append("before the song changed")
    if old["model"] != new["model"]:
        same_name = old["model_name"] == new["model_name"]
        found.append("by another file of that model" if same_name else f"by {old['model_name']}")
    if (old["start"], old["duration"]) != (new["start"], new["duration"]):
        length = "to the end" if old["duration"] is None else f"for {old['duration']:g} s"
        found.append(f"of the song from {old['start']:g} s {length}")
    if old["gains"] != new["gains"]:
        found.append("with other gains")
    for field in ("format", "bitrate", "clip_mode"):
        if old[field] != new[field]:
            found.append(f"with {field.replace('_', ' ')} {old[field] or 'of the format'}")
    return found


class Records:
    """The records of any number of folders.

    An output whose entry is not complete was about to be put in place when its command was killed.
    """

    def __init__(self) -> None:
        self._known: dict[Path, dict[str, Entry]] = {}

    def get(self, output: Path) -> Entry | None:
        """Returns what a file was made of, or None if nothing says so.

        That is what `made_of` has of it, and besides whether it is "complete", and its "size" in bytes.
        """
        folder = output.parent
        if folder not in self._known:
            self._known[folder] = _read(folder)
        return self._known[folder].get(output.name)

    def set(self, entries: dict[Path, Entry], complete: bool) -> None:
        """Keeps what these files were made of; others may be in the same folders.

        Raises:
            AudioError: a record that cannot be written.
        """
        for folder in dict.fromkeys(output.parent for output in entries):
            here = {output.name: entry for output, entry in entries.items() if output.parent == folder}
            files = _read(folder)  # another command may have changed it
            for name, entry in here.items():
                files[name] = {**entry, "complete": complete, "size": _size(folder / name) if complete else None}
            self._known[folder] = files
            path = folder / RECORD
            text = json.dumps({"format": FORMAT, "files": files}, indent=1)
            part = part_of(path)
            try:
                part.write_text(text + "\n", encoding="ascii")
                part.replace(path)
            except OSError as error:
                part.unlink(missing_ok=True)
                raise AudioError(f"{path}: cannot write: {error.strerror}") from error


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise AudioError(f"{file}: cannot read: {error.strerror}") from error


def _read(folder: Path) -> dict[str, Entry]:
    """The entries of a folder; none where there is no record, or one that is not ours."""
    try:
        content = json.loads((folder / RECORD).read_text(encoding="ascii"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict) or content.get("format") != FORMAT or not isinstance(content.get("files"), dict):
        return {}
    return {name: entry for name, entry in content["files"].items() if _is_entry(entry)}


def _is_entry(entry: Any) -> bool:
    fields = {"song", "bytes", "mtime_ns", "model", "model_name", "gains", "complete", "size", "version"}
    fields |= {field.name for field in dataclasses.fields(FileOptions)} - {"strict"}
    if not (isinstance(entry, dict) and set(entry) == fields):
        return False
    return isinstance(entry["start"], float) and isinstance(entry["duration"], float | None)


def _relative(song: Path, folder: Path) -> str:
    """The way from the folder to the song: it holds when both are moved."""
    try:
        return os.path.relpath(os.path.realpath(song), os.path.realpath(folder))
    except ValueError:  # another drive of Windows
        return os.path.realpath(song)
