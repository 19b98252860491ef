"""Record files, which say what stems were made from: `.keras-sep.json`, one in each folder of stems."""

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
    """Returns a record's entry for an output: everything that the output depends on.

    Args:
        song: path of the input, or "-".
        output: the output.
        options: options for reading and writing.
        model: SHA-256 of the model file.
        model_name: name of the preset, or of the model file.

    Raises:
        OSError: the song cannot be found.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.batch.records import made_of
        >>> from keras_sep.outputs import FileOptions, Output
        >>> Path("song.mp3").write_bytes(b"...")
        3
        >>> output = Output(Path("stems/vocals.wav"), {"vocals": 1.0})
        >>> entry = made_of(Path("song.mp3"), output, FileOptions(), "6a1f…", "small")
        >>> Path(entry["song"]).as_posix(), entry["bytes"], entry["format"]
        ('../song.mp3', 3, 'wav')
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
    """Describes how an existing output was made differently.

    Args:
        old: entry of the existing output.
        new: entry that a new output would get.
        folder: folder of the output.

    Returns:
        Phrases that follow the word "made"; empty if nothing differs.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.batch.records import differences, made_of
        >>> from keras_sep.outputs import FileOptions, Output
        >>> song, output = Path("song.mp3"), Output(Path("vocals.wav"), {"vocals": 1.0})
        >>> song.touch()
        >>> old = made_of(song, output, FileOptions("mp3"), "6a1f…", "small")
        >>> new = made_of(song, output, FileOptions("wav"), "6a1f…", "small")
        >>> differences(old, new, Path())
        ['with format mp3']
    """
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
    """Reader and writer of the record files of any number of folders.

    An entry is stored as not complete before its output appears, and as complete afterwards: an entry that stays
    not complete belongs to a command that was killed in between.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.batch.records import Records, made_of
        >>> from keras_sep.outputs import FileOptions, Output
        >>> song, output = Path("song.mp3"), Output(Path("vocals.wav"), {"vocals": 1.0})
        >>> song.touch()
        >>> output.path.touch()
        >>> records = Records()
        >>> records.set({output.path: made_of(song, output, FileOptions(), "6a1f…", "small")}, complete=True)
        >>> records.get(output.path)["song"]
        'song.mp3'
    """

    def __init__(self) -> None:
        self._known: dict[Path, dict[str, Entry]] = {}

    def get(self, output: Path) -> Entry | None:
        """Returns the entry of an output, or None if there is none.

        Beyond the fields of `made_of`, it has "complete" and, if that is true, the output's "size" in bytes.
        """
        folder = output.parent
        if folder not in self._known:
            self._known[folder] = _read(folder)
        return self._known[folder].get(output.name)

    def set(self, entries: dict[Path, Entry], complete: bool) -> None:
        """Stores the entries of these outputs in the records of their folders.

        Args:
            entries: entry of each output, by its path.
            complete: whether the outputs are in place.

        Raises:
            AudioError: a record that cannot be written.
        """
        for folder in dict.fromkeys(output.parent for output in entries):
            here = {output.name: entry for output, entry in entries.items() if output.parent == folder}
            files = _read(folder)  # again: another command may have changed it
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
    """Returns the entries of a folder; none if its record is missing or damaged, or of another form."""
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
    """Returns the path from the folder to the song, which stays right when both are moved together."""
    try:
        return os.path.relpath(os.path.realpath(song), os.path.realpath(folder))
    except ValueError:  # another drive of Windows
        return os.path.realpath(song)
