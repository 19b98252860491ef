"""The separation of single songs, in a process for each core of a cluster."""

from __future__ import annotations

import contextlib
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from keras_sep._version import __version__
from keras_sep.audio import FORMATS, sweep_parts
from keras_sep.cluster.levels import Levels
from keras_sep.cluster.manifest import SCHEMA
from keras_sep.cluster.places import Place
from keras_sep.errors import AudioError, ModelFileError
from keras_sep.outputs import FileOptions, Output
from keras_sep.separator import Separator

MOST_TRIES = 2


@dataclass(frozen=True)
class Task:
    """All that the songs of a run share.

    Args:
        model: the bytes of the model file.
        sha256: of these bytes.
        mixes, options: as of `keras_sep.batch.plan.Request`.
        target: folder of the stems.
        made_by: for the manifest.
        begin: counts a try to separate the song with this number, and returns how many there have been.
        version: of keras_sep, which all machines must have.

    Examples:
        >>> from keras_sep.cluster.places import Place
        >>> from keras_sep.cluster.song_worker import Task
        >>> from keras_sep.outputs import FileOptions
        >>> Task(b"", "", {"vocals": {"vocals": 1.0}}, FileOptions(), Place.parse("stems"), "{}").begin(0)
        1
    """

    model: bytes = field(repr=False)
    sha256: str
    mixes: dict[str, dict[str, float]]
    options: FileOptions
    target: Place
    made_by: str
    begin: Callable[[int], int] = lambda number: 1
    version: str = __version__


class SongWorker:
    """A process that separates the songs it is given, one after the other.

    Args:
        task: what to make of them.

    Raises:
        RuntimeError: this machine has another version of keras_sep.

    Examples:
        >>> import pyarrow as pa
        >>> from keras_sep import Separator, example
        >>> from keras_sep.cluster.places import Place
        >>> from keras_sep.cluster.song_worker import SongWorker, Task
        >>> from keras_sep.outputs import FileOptions
        >>> model = Separator("small").model.read_bytes()
        >>> mixes, options = {"vocals": {"vocals": 1.0}}, FileOptions(duration=1.0)
        >>> worker = SongWorker(Task(model, "", mixes, options, Place.parse("stems"), "{}"))
        >>> song = {"number": 0, "root": "", "path": str(example() / "mixture.flac")}
        >>> worker.separate(song | {"outputs": [["vocals", "vocals.wav"]]})["seconds"]
        1.0
    """

    def __init__(self, task: Task):
        if task.version != __version__:
            raise RuntimeError(
                f"{platform.node()}: expected keras_sep {task.version}, as the command's. Received: {__version__}"
            )
        self._task = task
        self._folder = tempfile.TemporaryDirectory(prefix="keras-sep-")
        model = Path(self._folder.name) / "model.tflite"
        model.write_bytes(task.model)
        self._separator = Separator(model=model)

    def __call__(self, songs: pa.Table) -> pa.Table:
        """Separates a table of songs; returns their rows of the manifest."""
        return pa.Table.from_pylist([self.separate(song) for song in songs.to_pylist()], SCHEMA)

    def separate(self, song: dict[str, Any]) -> dict[str, Any]:
        """Separates a song; whatever goes wrong with it is in its row of the manifest.

        Args:
            song: root and path of its `Place`, its number, and (stem, path below the target) of each output.
        """
        place, outputs = Place(song["root"], song["path"]), [(stem, path) for stem, path in song["outputs"]]
        tries = self._task.begin(song["number"])
        begin = time.monotonic()
        row: dict[str, Any] = {"song": str(place), "model": self._task.sha256, "made_by": self._task.made_by}
        row |= {"bytes": song.get("bytes"), "mtime_ns": song.get("mtime_ns"), "node": platform.node(), "tries": tries}
        if tries > MOST_TRIES:
            return row | {"error": f"{place}: the process that separated it died {MOST_TRIES} times"}
        try:
            row |= self._separate(place, outputs)
        except (AudioError, ModelFileError) as error:
            row["error"] = str(error)
        except OSError as error:
            row["error"] = f"{place}: {error.strerror or error}"
        except Exception as error:  # a fault of ours, or of a library: of this song, not of the others
            row["error"] = f"{place}: unexpected {type(error).__name__}: {error}"
        return row | {"took_s": round(time.monotonic() - begin, 3)}

    def _separate(self, place: Place, outputs: Sequence[tuple[str, str]]) -> dict[str, Any]:
        task, clips = self._task, FORMATS[self._task.options.format].clips
        with contextlib.ExitStack() as stack:
            work = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=self._folder.name)))
            source = stack.enter_context(place.here(work))
            # Local stems are written beside their targets; those for elsewhere here, and sent when they are complete.
            folder = Path(task.target.path) if task.target.is_local else work / "stems"
            paths = {stem: folder / path for stem, path in outputs}
            for parent in {path.parent for path in paths.values()}:
                sweep_parts(parent)  # of a worker that died on this song
            levels = {path: Levels() for path in paths.values()}
            sample_rate = 0

            def progress(done: int, total: int | None, rate: int) -> None:
                nonlocal sample_rate
                sample_rate = rate

            def written(blocks: Any) -> None:
                for path, block in blocks.items():
                    levels[path].add(block)

            made = [Output(path, task.mixes[stem]) for stem, path in paths.items()]
            try:
                warnings = self._separator.separate_into(source, made, task.options, progress=progress, written=written)
            except (AudioError, ModelFileError) as error:
                raise AudioError(str(error).replace(str(source), str(place))) from error
            for stem, below in outputs:
                if not task.target.is_local:
                    with paths[stem].open("rb") as file:
                        (task.target / below).take(file)
                    paths[stem].unlink()
            stems = [
                {"name": stem, "path": str(task.target / below), **levels[paths[stem]].facts(clips)}
                for stem, below in outputs
            ]
            seconds = round(max(each.num_samples for each in levels.values()) / sample_rate, 6)
            places = [(str(source), str(place)), *((str(paths[s]), str(task.target / below)) for s, below in outputs)]
            return {
                "seconds": seconds,
                "sample_rate": sample_rate,
                "stems": stems,
                "warnings": [_replaced(warning, places) for warning in warnings],
            }


def _replaced(text: str, places: Sequence[tuple[str, str]]) -> str:
    for here, there in places:
        text = text.replace(here, there)
    return text
