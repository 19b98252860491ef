"""File-like views of a part of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO


class View:
    """Part of a file as a file-like object for reading, with some bytes replaced.

    It has no name on purpose: FFmpeg would guess the format from a name's suffix, and decode text as sound.

    Args:
        file: seekable binary file.
        start: position of the first byte.
        end: position after the last byte; None for the end of the file.
        patches: bytes that replace the file's own, by their position in the file.

    Examples:
        >>> import io
        >>> from keras_sep.audio.view import View
        >>> View(io.BytesIO(b"0123456789"), start=2, end=6, patches={3: b"x"}).read()
        b'2x45'
    """

    def __init__(
        self, file: BinaryIO, start: int = 0, end: int | None = None, patches: Mapping[int, bytes] | None = None
    ):
        self._file, self._start, self._patches = file, start, patches or {}
        self._end = file.seek(0, 2) if end is None else end
        self._position = start

    def read(self, size: int = -1) -> bytes:
        rest = self._end - self._position
        if rest <= 0 or self._position < self._start:  # damaged headers point outside the view
            return b""
        self._file.seek(self._position)
        data = self._file.read(rest if size < 0 else min(size, rest))
        for place, patch in self._patches.items():
            begin, end = max(place, self._position), min(place + len(patch), self._position + len(data))
            if begin < end:
                changed = bytearray(data)
                changed[begin - self._position : end - self._position] = patch[begin - place : end - place]
                data = bytes(changed)
        self._position += len(data)
        return data

    def seek(self, position: int, whence: int = 0) -> int:
        self._position = position + (self._start, self._position, self._end)[whence]
        return self._position - self._start

    def tell(self) -> int:
        return self._position - self._start
