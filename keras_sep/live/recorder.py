"""The stems of a live session as files, written in a thread of their own."""

from __future__ import annotations

import queue
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt

from keras_sep.audio import FORMATS, AudioWriter
from keras_sep.errors import AudioError
from keras_sep.spec import StreamSpec

Array = npt.NDArray[np.float32]
ORIGINAL = "mixture"


class Recorder:
    """Writes `folder`/<source>.<format> for each source and the mixture, aligned, at the model's sample rate.

    They lie beside their targets until `close` puts them in place.

    Args:
        folder: made if needed.
        format: "wav", "flac" or "ogg".
        overwrite: replace files that are there.

    Raises:
        AudioError: files that are there, a folder that cannot be written to.
    """

    def __init__(self, folder: Path, spec: StreamSpec, *, format: str = "wav", overwrite: bool = False):
        if format not in FORMATS:
            raise AudioError(f"format: expected one of {', '.join(FORMATS)}. Received: {format!r}")
        targets = {name: folder / f"{name}.{format}" for name in (*spec.sources, ORIGINAL)}
        for target in targets.values():
            if target.is_dir():
                raise AudioError(f"{target}: cannot write: it is a folder")
            if target.exists() and not overwrite:
                raise AudioError(f"{target}: there already; --overwrite replaces it")
        self._made = [path for path in (folder, *folder.parents) if not path.exists()]
        self._writers: dict[str, AudioWriter] = {}
        self._queue: queue.SimpleQueue[dict[str, Array] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self.error: AudioError | None = None
        self.num_samples = 0
        try:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise AudioError(f"{folder}: cannot make the folder: {error.strerror}") from error
            for name, target in targets.items():
                self._writers[name] = AudioWriter(target, spec.sample_rate, spec.num_channels, format)
                self._writers[name].open()
        except BaseException:
            self._abort()
            raise
        self._thread.start()

    def put(self, blocks: dict[str, Array]) -> None:
        """Takes one (n, channels) array a name, all of the same n; returns at once. The arrays must not change."""
        self._queue.put(blocks)

    def close(self) -> list[Path]:
        """Writes what is still queued and puts the files in place.

        Returns:
            The files; none where nothing was recorded.

        Raises:
            AudioError: what kept them from being written; then no file is there.
        """
        try:
            self._queue.put(None)
            self._thread.join()
            if self.error is not None:
                raise self.error
            if not self.num_samples:
                self._abort()
                return []
            for writer in self._writers.values():
                writer.finish()
            for writer in self._writers.values():
                writer.commit()
        except BaseException:
            self._abort()
            raise
        return [writer.path for writer in self._writers.values()]

    def _run(self) -> None:
        while (blocks := self._queue.get()) is not None:
            if self.error is not None:
                continue
            try:
                for name, block in blocks.items():
                    self._writers[name].write(block)
                self.num_samples += len(blocks[ORIGINAL])
            except AudioError as error:
                self.error = error

    def _abort(self) -> None:
        if self._thread.is_alive():  # close was interrupted
            self._queue.put(None)
            self._thread.join()
        for writer in self._writers.values():
            writer.abort()
        for empty in self._made:
            if empty.is_dir() and not any(empty.iterdir()):
                empty.rmdir()
