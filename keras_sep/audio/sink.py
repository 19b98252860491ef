"""A file for libraries that cannot bear it to fail."""

from __future__ import annotations

from typing import BinaryIO


class Sink:
    """Writes to a file as long as that can be done, and keeps what went wrong for whoever asks.

    A muxer of FFmpeg whose file fails crashes when it is closed, and libsndfile does not pass an exception on.

    Attributes:
        error: the first failure, or None.
    """

    def __init__(self, file: BinaryIO):
        self._file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        if self.error is None:
            try:
                self._file.write(data)
            except OSError as error:
                self.error = error
        return len(data)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def seek(self, position: int, whence: int = 0) -> int:
        try:
            return self._file.seek(position, whence)
        except OSError as error:  # it writes what is in its buffer first
            self.error = self.error or error
            return position

    def tell(self) -> int:
        return self._file.tell()
