"""A part of a file, as a file of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO


class View:
    """Reads the bytes `start` to `end` of a file that can seek, some of them replaced.

    It has no name: FFmpeg would take the suffix of one for a format, and text for sound.

    Args:
        patches: bytes that stand in place of the file's own, by their position in the file.
    """

    def __init__(
        self, file: BinaryIO, start: int = 0, end: int | None = None, patches: Mapping[int, bytes] | None = None
    ):
        self._file, self._start, self._patches = file, start, patches or {}
        self._end = file.seek(0, 2) if end is None else end
        self._position = start

    def read(self, size: int = -1) -> bytes:
        rest = self._end - self._position
        if rest <= 0 or self._position < self._start:  # what damaged headers point to
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
