"""The files and folders that all machines of a cluster reach: shared paths, and URIs of pyarrow's file systems."""

from __future__ import annotations

import contextlib
import functools
import os
import posixpath
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
from pyarrow import fs

from keras_sep.audio.parts import part_of
from keras_sep.errors import AudioError

# What is written there appears when it is complete, and not at all if its writer dies.
_OBJECT_STORES = {"s3", "gcs", "abfs"}
_COPIED_AT_ONCE = 1 << 20  # bytes


@dataclass(frozen=True)
class Place:
    """A file or folder.

    Args:
        root: URI that opens the file system, or "" for the machine's own.
        path: in that file system, absolute.

    Examples:
        >>> from keras_sep.cluster.places import Place
        >>> str(Place("s3://music?region=eu-north-1", "music/catalogue") / "live/song.flac")
        's3://music/catalogue/live/song.flac'
    """

    root: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Place:
        """Returns the place of a path, or of a URI such as s3://bucket/folder?region=eu-north-1.

        Raises:
            AudioError: a URI that pyarrow cannot open.
        """
        scheme, is_uri, rest = text.partition("://")
        if not is_uri:
            return cls("", os.path.abspath(text))
        if scheme == "file":
            return cls("", os.path.abspath(rest))
        place, has_options, options = rest.partition("?")
        authority, _, path = place.partition("/")
        root = f"{scheme}://{authority}/{has_options}{options}"
        try:
            _, base = _open(root)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise AudioError(f"{text}: expected a path or a URI of pyarrow's. Received: {_reason(error)}") from error
        return cls(root, posixpath.join(base, path).rstrip("/") or "/")

    @property
    def is_local(self) -> bool:
        """Whether it is a path of the machine's own file system."""
        return not self.root

    @property
    def filesystem(self) -> fs.FileSystem:
        """The file system that `path` is in."""
        return _open(self.root)[0]

    def __truediv__(self, below: str) -> Place:
        return Place(self.root, posixpath.join(self.path, below))

    def __str__(self) -> str:
        if self.is_local:
            return self.path
        scheme, _, rest = self.root.partition("://")
        authority = rest.partition("/")[0]
        return f"{scheme}://{authority}{self.path}" if self.path.startswith("/") else f"{scheme}://{self.path}"

    def info(self) -> fs.FileInfo:
        """Returns what the file system says about it; of what is not there, too.

        Raises:
            AudioError: the file system does not answer.
        """
        with failures(f"{self}: cannot read"):
            return self.filesystem.get_file_info(self.path)

    def files(self, recursive: bool = True) -> list[fs.FileInfo]:
        """Returns the files and folders below it, none where there is no such folder.

        Raises:
            AudioError: the file system does not answer.
        """
        selector = fs.FileSelector(self.path, recursive=recursive, allow_not_found=True)
        with failures(f"{self}: cannot read"):
            return self.filesystem.get_file_info(selector)

    @contextlib.contextmanager
    def here(self, folder: Path) -> Iterator[Path]:
        """Lends the file as a path of this machine: its own, or a copy in `folder`.

        Raises:
            AudioError: it cannot be copied.
        """
        if self.is_local:
            yield Path(self.path)
            return
        copy = folder / posixpath.basename(self.path)
        try:
            with (
                failures(f"{self}: cannot read"),
                self.filesystem.open_input_stream(self.path) as source,
                copy.open("wb") as target,
            ):
                shutil.copyfileobj(source, target, _COPIED_AT_ONCE)
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    def take(self, source: BinaryIO) -> None:
        """Writes what `source` holds to this file, in place when it is complete.

        Raises:
            AudioError: it cannot be written.
        """
        system = self.filesystem
        with failures(f"{self}: cannot write"):
            if system.type_name in _OBJECT_STORES:
                try:
                    with system.open_output_stream(self.path) as target:
                        shutil.copyfileobj(source, target, _COPIED_AT_ONCE)
                except BaseException:  # closing the stream has put in place what there was
                    with contextlib.suppress(OSError, pa.ArrowException):
                        system.delete_file(self.path)
                    raise
                return
            part = str(part_of(Path(self.path))) if self.is_local else _part(self.path)
            system.create_dir(posixpath.dirname(self.path), recursive=True)
            try:
                with system.open_output_stream(part) as target:
                    shutil.copyfileobj(source, target, _COPIED_AT_ONCE)
                system.move(part, self.path)
            except BaseException:
                with contextlib.suppress(OSError, pa.ArrowException):
                    system.delete_file(part)
                raise

    def remove(self) -> None:
        """Deletes the file, if it is there.

        Raises:
            AudioError: it cannot be deleted.
        """
        with failures(f"{self}: cannot delete"), contextlib.suppress(FileNotFoundError):
            self.filesystem.delete_file(self.path)


@contextlib.contextmanager
def failures(what: str) -> Iterator[None]:
    """Turns what a file system can raise into AudioError, one line that begins with `what`.

    Examples:
        >>> from keras_sep.cluster.places import failures
        >>> with failures("s3://music: cannot read"):
        ...     raise OSError("no such bucket")
        Traceback (most recent call last):
        keras_sep.errors.AudioError: s3://music: cannot read: no such bucket
    """
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise AudioError(f"{what}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split())


def _part(path: str) -> str:
    folder, name = posixpath.split(path)
    return posixpath.join(folder, f".{name}.{os.uname().nodename}.{os.getpid()}.part")


@functools.cache
def _open(root: str) -> tuple[fs.FileSystem, str]:
    if not root:
        return fs.LocalFileSystem(), "/"
    return cast("tuple[fs.FileSystem, str]", fs.FileSystem.from_uri(root))
