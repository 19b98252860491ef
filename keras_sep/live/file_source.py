"""Audio files as the source of a live session, read ahead in a separate thread."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from pathlib import Path

from keras_sep.audio import AudioReader
from keras_sep.errors import AudioError
from keras_sep.live.ring import RingBuffer

_AHEAD_S = 2.0
_NAP_S = 0.01


class FileSource:
    """Thread that reads a file into a ring, up to 2 s ahead.

    A mono file fills all channels of the ring; of a file with more channels than the ring, the first ones are taken.

    Args:
        path: audio file, anything that `AudioReader` reads.
        num_channels: number of channels of the ring.
        loop: whether to start again at the end, without a gap.

    Attributes:
        sample_rate: Hz.
        ring: RingBuffer to read from.
        ended: whether the whole file has been written to the ring.
        error: AudioError that ended reading early, or None.
        warnings: lines for the user about damage, as in `AudioReader`.

    Raises:
        AudioError: a file that cannot be read.

    Examples:
        >>> import time
        >>> from keras_sep import example
        >>> from keras_sep.live.file_source import FileSource
        >>> source = FileSource(example() / "mixture.flac", num_channels=2)
        >>> source.start()
        >>> while source.ring.available < 512:
        ...     time.sleep(0.01)
        >>> source.close()
        >>> source.sample_rate, source.ended, source.error
        (44100, True, None)
    """

    def __init__(self, path: Path, num_channels: int, *, loop: bool = False):
        with AudioReader(path) as reader:  # fails here, before a device is opened
            self.sample_rate = reader.sample_rate
        self.path, self._loop = path, loop
        self.ring = RingBuffer(round(_AHEAD_S * self.sample_rate), num_channels)
        self.ended = False
        self.error: AudioError | None = None
        self.warnings: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="file", daemon=True)

    def start(self) -> None:
        """Starts reading."""
        self._thread.start()

    def close(self) -> None:
        """Stops reading, and waits for the thread to end."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            for _ in itertools.count() if self._loop else range(1):
                written = self.ring.written
                with AudioReader(self.path) as reader, contextlib.closing(reader.blocks()) as blocks:  # type: ignore[type-var]
                    if reader.sample_rate != self.sample_rate:
                        raise AudioError(f"{self.path}: the file has changed while it was played")
                    for block in blocks:
                        part = block[:, : self.ring.num_channels]
                        while len(part := part[self.ring.write(part) :]):
                            if self._stop.is_set():
                                return
                            time.sleep(_NAP_S)
                    self.warnings = reader.warnings
                if self._stop.is_set():
                    return
                if self.ring.written == written:
                    raise AudioError(f"{self.path}: expected audio. Received: a file without samples")
        except AudioError as error:
            self.error = error
        except OSError as error:
            self.error = AudioError(f"{self.path}: cannot read: {error.strerror or error}")
        except Exception as error:  # a bug, here or in a library
            self.error = AudioError(f"{self.path}: unexpected {type(error).__name__}: {error}")
        finally:
            self.ended = True
