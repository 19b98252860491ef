"""The files that a song's stems become."""

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
    """A file to be made of a song's stems.

    Args:
        path: target, or "-" for standard output.
        gains: what each stem is multiplied by before they are added up; 1 for one of them makes that stem.
    """

    path: Path
    gains: Mapping[str, float]


@dataclass(frozen=True)
class FileOptions:
    """How a file is read and its stems are written.

    Args:
        format, bitrate, clip_mode: as for `keras_sep.audio.AudioWriter`.
        start, duration, strict: as for `keras_sep.audio.AudioReader`.
    """

    format: str = "wav"
    bitrate: int | None = None
    clip_mode: str = "warn"
    start: float = 0.0
    duration: float | None = None
    strict: bool = False


def missing_folders(files: Iterable[Path]) -> list[Path]:
    """Returns the folders that have to be made for these files, the deepest first."""
    folders = dict.fromkeys(folder for file in files if str(file) != "-" for folder in file.parents)
    return sorted((f for f in folders if not os.path.lexists(f)), key=lambda folder: -len(folder.parts))


def remove_empty(folders: Iterable[Path]) -> None:
    """Removes those of the folders, the deepest first, that are there and empty."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


class OutputFiles:
    """Files that are written side by side, and put in place together or not at all.

    Args:
        writers: by any names; nothing is created before `open`.

    Attributes:
        warnings: one line for each thing that the user should know; complete after `finish`.
    """

    def __init__(self, writers: Mapping[str, AudioWriter]):
        self._writers = dict(writers)
        self._made: list[Path] = []  # folders
        self.warnings: list[str] = []

    @property
    def paths(self) -> dict[str, Path]:
        return {name: writer.path for name, writer in self._writers.items()}

    def open(self) -> None:
        """Makes the folders that are missing, and the files beside their targets.

        Raises:
            AudioError: a folder or a file that cannot be made; `abort` removes the others.
        """
        self._made = missing_folders(self.paths.values())
        for writer in self._writers.values():
            if str(writer.path) != "-":
                _make_folder(writer.path.parent)
                if writer.path.is_dir():
                    raise AudioError(f"{writer.path}: cannot write: it is a folder")
            writer.open()

    def write(self, blocks: Mapping[str, Array]) -> None:
        """Takes the next samples (n, channels) of each file."""
        for name, block in blocks.items():
            self._writers[name].write(block)

    def finish(self) -> None:
        """Completes the files, in the clip mode "rescale" with one gain for all of them."""
        gain = common_gain(self._writers.values())
        for writer in self._writers.values():
            writer.finish(gain)
            self.warnings += writer.warnings

    def commit(self) -> None:
        """Puts the finished files in place."""
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
        """Removes what is not in place, and the folders made for it."""
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
