"""Output files of a song: its stems, or mixes of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from keras_sep.audio import AudioWriter, common_gain
from keras_sep.errors import AudioError

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Output:
    """Description of an output file: a sum of stems.

    Args:
        path: target, or "-" for standard output.
        gains: factor of each stem in the sum; a stem without a factor is left out.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.outputs import Output
        >>> vocals = Output(Path("vocals.wav"), {"vocals": 1.0})
        >>> quieter = Output(Path("mix.wav"), {"vocals": 0.25, "accompaniment": 1.0})
    """

    path: Path
    gains: Mapping[str, float]


@dataclass(frozen=True)
class FileOptions:
    """File options: how a song is read, and how its stems are written.

    Args:
        format, bitrate, clip_mode: as for `keras_sep.audio.AudioWriter`.
        start, duration, strict: as for `keras_sep.audio.AudioReader`.

    Examples:
        >>> from keras_sep.outputs import FileOptions
        >>> FileOptions("mp3", bitrate=192, duration=30.0).clip_mode
        'warn'
    """

    format: str = "wav"
    bitrate: int | None = None
    clip_mode: str = "warn"
    start: float = 0.0
    duration: float | None = None
    strict: bool = False


def missing_folders(files: Iterable[Path]) -> list[Path]:
    """Returns the folders of these files that do not exist yet, the deepest first.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.outputs import missing_folders
        >>> [folder.as_posix() for folder in missing_folders([Path("stems/song/vocals.wav"), Path("mix.wav")])]
        ['stems/song', 'stems']
    """
    folders = dict.fromkeys(folder for file in files if str(file) != "-" for folder in file.parents)
    return sorted((f for f in folders if not os.path.lexists(f)), key=lambda folder: -len(folder.parts))


def remove_empty(folders: Iterable[Path]) -> None:
    """Removes those of the folders that exist and are empty.

    Args:
        folders: the deepest first.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.outputs import remove_empty
        >>> Path("stems/song").mkdir(parents=True)
        >>> remove_empty([Path("stems/song"), Path("stems")])
        >>> Path("stems").exists()
        False
    """
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


class OutputFiles:
    """Group of output files whose targets appear when all of them are complete.

    The calls are those of `keras_sep.audio.AudioWriter`: `open`, `write`, `finish`, `commit`, or `abort`.

    Args:
        writers: writers by any names; nothing is created before `open`.

    Attributes:
        paths: targets by the same names.
        warnings: lines for the user; complete after `finish`.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.audio import AudioWriter
        >>> from keras_sep.outputs import OutputFiles
        >>> stems = ("vocals", "accompaniment")
        >>> files = OutputFiles({stem: AudioWriter(f"stems/{stem}.wav", 44100, 2) for stem in stems})
        >>> files.open()
        >>> files.write({stem: np.zeros((441, 2), np.float32) for stem in stems})
        >>> files.finish()
        >>> files.commit()
        >>> [path.as_posix() for path in files.paths.values()]
        ['stems/vocals.wav', 'stems/accompaniment.wav']
    """

    def __init__(self, writers: Mapping[str, AudioWriter]):
        self._writers = dict(writers)
        self._made: list[Path] = []  # folders
        self.warnings: list[str] = []

    @property
    def paths(self) -> dict[str, Path]:
        return {name: writer.path for name, writer in self._writers.items()}

    def open(self) -> None:
        """Makes missing folders, and the part files in them.

        Raises:
            AudioError: a folder or a file that cannot be made; `abort` then removes the others.
        """
        self._made = missing_folders(self.paths.values())
        for writer in self._writers.values():
            if str(writer.path) != "-":
                _make_folder(writer.path.parent)
                if writer.path.is_dir():
                    raise AudioError(f"{writer.path}: cannot write: it is a folder")
            writer.open()

    def write(self, blocks: Mapping[str, Array]) -> None:
        """Writes the next samples (n, channels) of each file."""
        for name, block in blocks.items():
            self._writers[name].write(block)

    def finish(self) -> None:
        """Completes the part files, in the clip mode "rescale" with one gain for all of them."""
        for writer in self._writers.values():
            writer.end()
        gain = common_gain(self._writers.values())
        for writer in self._writers.values():
            writer.finish(gain)
            self.warnings += writer.warnings

    def commit(self) -> None:
        """Renames the part files to their targets."""
        for writer in self._writers.values():
            writer.commit()

    def keep(self) -> bool:
        """Puts files that could not be completed in place, if their format can be read like that.

        Returns:
            Whether it can; if not, nothing is left of them.
        """
        if all(writer.keep() for writer in self._writers.values()):
            return True
        self.abort()
        return False

    def abort(self) -> None:
        """Removes the part files, and the folders made for them."""
        for writer in self._writers.values():
            writer.abort()
        remove_empty(self._made)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror
        for path in (folder, *folder.parents):
            if os.path.isfile(path):
                reason = f"{path} is a file"
            elif os.path.islink(path) and not os.path.exists(path):
                reason = f"{path} is a link to {os.readlink(path)}, which is not there"
        raise AudioError(f"{folder}: cannot make the folder: {reason}") from error
