"""Recording of a live session into files, in a separate thread."""

from __future__ import annotations

import errno
import os
import queue
import shutil
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt

from keras_sep.audio import FORMATS, AudioWriter, sweep_parts
from keras_sep.errors import AudioError
from keras_sep.outputs import OutputFiles
from keras_sep.spec import StreamSpec

Array = npt.NDArray[np.float32]
ORIGINAL = "mixture"
# What is kept free to complete a file: an encoder's buffers, and the index of an m4a, 8 bytes for 1024 samples.
_SPARE_BYTES, _SPARE_SAMPLES_A_BYTE = 256 << 10, 128


class Recorder:
    """Recorder of the stems and the mixture, aligned with each other, at the model's sample rate.

    The files, `folder`/vocals.wav and so on, appear when `close` is called. Recording ends when the disk is
    nearly full.

    Args:
        folder: folder for the files, made if needed.
        spec: StreamSpec of the model.
        format: name of one of `keras_sep.audio.FORMATS`.
        overwrite: whether existing files are replaced.

    Attributes:
        num_samples: samples written so far.
        error: AudioError that ended writing, or None.

    Raises:
        AudioError: files that exist already, or a folder that cannot be written to.

    Examples:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from keras_sep import StreamSpec
        >>> from keras_sep.live.recorder import Recorder
        >>> recorder = Recorder(Path("recording"), StreamSpec(), format="flac")
        >>> recorder.put({name: np.zeros((512, 2), np.float32) for name in ("vocals", "accompaniment", "mixture")})
        >>> [path.name for path in recorder.close()]
        ['vocals.flac', 'accompaniment.flac', 'mixture.flac']
    """

    def __init__(self, folder: Path, spec: StreamSpec, *, format: str = "wav", overwrite: bool = False):
        if format not in FORMATS:
            raise AudioError(f"format: expected one of {', '.join(FORMATS)}. Received: {format!r}")
        targets = {name: folder / f"{name}{FORMATS[format].suffix}" for name in (*spec.sources, ORIGINAL)}
        for target in targets.values():
            if target.exists() and not overwrite:
                raise AudioError(f"{target}: there already; --overwrite replaces it")
        sweep_parts(folder)
        writers = {
            name: AudioWriter(target, spec.sample_rate, spec.num_channels, format) for name, target in targets.items()
        }
        self._folder, self._sample_rate = folder, spec.sample_rate
        self._files = OutputFiles(writers)
        self._queue: queue.SimpleQueue[dict[str, Array] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self.error: AudioError | None = None
        self._is_incomplete = False
        self.num_samples = 0
        try:
            self._files.open()
        except BaseException:
            self._files.abort()
            raise
        self._thread.start()

    def put(self, blocks: dict[str, Array]) -> None:
        """Queues an array (n, channels) for each file, all of the same n, and returns at once; they must not change."""
        self._queue.put(blocks)

    def close(self) -> list[Path]:
        """Writes what is still queued, and puts the files in place.

        Returns:
            Paths of the files; none if nothing was recorded.

        Raises:
            AudioError: what kept them from being written to the end. What was recorded up to then is in place, unless
                the files could not be completed and their format is not wav.
        """
        try:
            self._queue.put(None)
            self._thread.join()
            is_kept = bool(self.num_samples) and self._put_in_place()
            if self.error is not None:
                kept = f"; what was recorded up to then, {self.num_samples / self._sample_rate:.1f} s, is kept"
                raise AudioError(f"{self.error}{kept if is_kept else ''}") from self.error
        except BaseException:
            self._abort()
            raise
        if not is_kept:
            self._abort()
        return list(self._files.paths.values()) if is_kept else []

    def _put_in_place(self) -> bool:
        if not self._is_incomplete:
            try:
                self._files.finish()
            except AudioError as error:
                self.error = self.error or error
            else:
                self._files.commit()
                return True
        return self._files.keep()

    def _run(self) -> None:
        while (blocks := self._queue.get()) is not None:
            if self.error is not None:
                continue
            try:
                self._require_space(len(blocks))
                self._is_incomplete = True
                self._files.write(blocks)
                self._is_incomplete = False
                self.num_samples += len(blocks[ORIGINAL])
            except AudioError as error:
                self.error = error

    def _require_space(self, num_files: int) -> None:
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            raise AudioError(f"{self._folder}: cannot write: {error.strerror}") from error
        if free < num_files * (_SPARE_BYTES + self.num_samples // _SPARE_SAMPLES_A_BYTE):
            raise AudioError(f"{self._folder}: cannot write: {os.strerror(errno.ENOSPC)}")

    def _abort(self) -> None:
        if self._thread.is_alive():  # close was interrupted
            self._queue.put(None)
            self._thread.join()
        self._files.abort()
