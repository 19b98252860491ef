"""Output files for libraries that cannot handle a failing one."""

from __future__ import annotations

from typing import BinaryIO


class Sink:
    """Output file whose `write` and `seek` keep an error in an attribute instead of raising it.

    FFmpeg's muxers crash on closing if their file has failed, and libsndfile drops exceptions. After an error,
    `write` ignores its data.

    Args:
        file: seekable binary file, open for writing and reading.

    Attributes:
        error: the first OSError, or None.

    Examples:
        >>> import io
        >>> from keras_sep.audio.sink import Sink
        >>> class FullDisk(io.BytesIO):
        ...     def write(self, data):
        ...         raise OSError("No space left on device")
        >>> sink = Sink(FullDisk())
        >>> sink.write(b"sound")  # the number of bytes, as if they were written
        5
        >>> sink.error
        OSError('No space left on device')
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
        except OSError as error:  # seeking writes buffered data first
            self.error = self.error or error
            return position

    def tell(self) -> int:
        return self._file.tell()
