"""Atomic writes, which leave a whole file or none, locks of folders, and digests of files."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """Yields a temporary path in the target's folder, and renames that file to the target at the end.

    A reader never sees half a file. After an exception the temporary file is deleted and the target is as it was.
    What a killed process left of this file is removed first.
    """
    if any(path.parent.glob(f".{glob.escape(path.name)}.*.part")):
        from keras_sep.audio import sweep_parts  # loads FFmpeg

        sweep_parts(path.parent)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def made_anew(folder: Path) -> Iterator[Path]:
    """Yields a temporary folder next to the target, which takes the target's place at the end.

    After an exception the temporary folder is deleted and the target is as it was. What a killed process has left of it
    is deleted first.
    """
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def require_folder(path: Path) -> None:
    """Refuses a file to write whose folder is not there; for what takes long, before it begins."""
    if not path.parent.is_dir():
        raise ValueError(f"{path}: expected a folder to write to. Received: none at {path.parent}")


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text, whole or not at all."""
    with written_beside(path) as part:
        part.write_text(text, encoding="utf-8")


def json_text(value: object) -> str:
    """Returns indented JSON, as `write_json` writes it."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def write_json(path: Path, value: object) -> None:
    """Writes indented JSON, whole or not at all."""
    write_text(path, json_text(value))


@contextmanager
def locked(folder: Path, command: str) -> Iterator[IO[str]]:
    """Keeps other processes out of a folder, which is created if needed, until the context ends.

    The system releases the lock of a process that is killed. If the folder is deleted, the lock locks nothing any more:
    `is_there` of the file that is yielded tells.

    Args:
        folder: folder to write to; holds a hidden file meanwhile.
        command: name of the command that writes to such a folder, for the message.

    Raises:
        ValueError: another process has locked the folder.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from common.files import locked
        >>> with TemporaryDirectory() as folder, locked(Path(folder), "evaluate"):
        ...     [path.name for path in Path(folder).iterdir()]
        ['.lock']
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        # Another process may have removed the file, with its lock, since it was opened here.
        if not _lock(file) or not is_there(file):
            raise ValueError(
                f"{folder}: expected a folder that no other process writes to. Received: one that another {command} "
                "is writing to; take another --out, or wait"
            )
        try:
            yield file
        finally:
            if is_there(file):
                with suppress(OSError):  # Windows keeps an open file
                    os.unlink(file.name)


def is_there(file: IO[str]) -> bool:
    """Returns whether an open file is still the one of its name: neither removed nor replaced."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(file.name))
    except OSError:
        return False


def _lock(file: IO[str]) -> bool:
    """Locks a file; returns False if another process has locked it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file in hexadecimal; reads it in pieces, so that it may be larger than memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()
