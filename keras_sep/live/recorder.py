"""Recording of a live session into files, in a separate thread."""

from __future__ import annotations

import queue
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


class Recorder:
    """Recorder of the stems and the mixture, aligned with each other, at the model's sample rate.

    The files, `folder`/vocals.wav and so on, appear when `close` is called.

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
        self._files = OutputFiles(writers)
        self._queue: queue.SimpleQueue[dict[str, Array] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self.error: AudioError | None = None
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
            AudioError: a file that could not be written; the recording is then discarded.
        """
        try:
            self._queue.put(None)
            self._thread.join()
            if self.error is not None:
                raise self.error
            if not self.num_samples:
                self._abort()
                return []
            self._files.finish()
            self._files.commit()
        except BaseException:
            self._abort()
            raise
        return list(self._files.paths.values())

    def _run(self) -> None:
        while (blocks := self._queue.get()) is not None:
            if self.error is not None:
                continue
            try:
                self._files.write(blocks)
                self.num_samples += len(blocks[ORIGINAL])
            except AudioError as error:
                self.error = error

    def _abort(self) -> None:
        if self._thread.is_alive():  # close was interrupted
            self._queue.put(None)
            self._thread.join()
        self._files.abort()
