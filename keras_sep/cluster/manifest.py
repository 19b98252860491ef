"""The manifest: a Parquet table with a row for each song, what was made of it or why nothing was.

It is a folder of Parquet files, which every reader of data sets takes for one table. Rows are added in new files, each
put in place when it is complete; of several rows of a song the newest counts. A finished run leaves one file.
"""

from __future__ import annotations

import contextlib
import datetime
import io
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import dataset, parquet

from keras_sep.cluster.places import Place, failures
from keras_sep.errors import AudioError

NAME = "manifest.parquet"
SCHEMA = pa.schema(
    {
        "song": pa.string(),
        "seconds": pa.float64(),
        "sample_rate": pa.int32(),
        "stems": pa.list_(
            pa.struct(
                {
                    "name": pa.string(),
                    "path": pa.string(),
                    "peak_db": pa.float64(),
                    "rms_db": pa.float64(),
                    "clipped": pa.int64(),
                }
            )
        ),
        "error": pa.string(),
        "warnings": pa.list_(pa.string()),
        "model": pa.string(),
        "made_by": pa.string(),
        "bytes": pa.int64(),
        "mtime_ns": pa.int64(),
        "node": pa.string(),
        "tries": pa.int32(),
        "took_s": pa.float64(),
        "time": pa.timestamp("us", tz="UTC"),
    }
)
_FLUSH_S = 2.0  # what a killed command has not written yet, it does again
_MOST_PARTS = 100


class Manifest:
    """The manifest of a folder of stems.

    Args:
        target: that folder.

    Examples:
        >>> from keras_sep.cluster.manifest import Manifest
        >>> from keras_sep.cluster.places import Place
        >>> manifest = Manifest(Place.parse("stems"))
        >>> with manifest.adding() as add:
        ...     add([{"song": "song.flac", "error": "song.flac: expected audio. Received: an empty file"}])
        >>> list(manifest.newest())
        ['song.flac']
    """

    def __init__(self, target: Place):
        self.place = target / NAME

    def newest(self) -> dict[str, dict[str, Any]]:
        """Returns the newest row of each song.

        Raises:
            AudioError: it cannot be read.
        """
        return {row["song"]: row for row in _newest(self._read()).to_pylist()}

    def begin(self) -> None:
        """Marks the folder as one with a manifest.

        Raises:
            AudioError: it cannot be written.
        """
        if not self._files():
            self._write(SCHEMA.empty_table())

    @contextlib.contextmanager
    def adding(self) -> Iterator[_Adder]:
        """Lends a function that adds rows; what it was given is in the manifest some seconds later, or at the end.

        Raises:
            AudioError: rows that cannot be written.
        """
        adder = _Adder(self)
        try:
            yield adder
        finally:
            adder.close()

    def tidy(self) -> None:
        """Puts all rows into one file, the newest of each song."""
        files = self._files()
        if len(files) > 1:
            self._write(_newest(self._read()))
            self._remove(files)

    def _files(self) -> list[str]:
        return [file.path for file in self.place.files() if file.path.endswith(".parquet")]

    def _read(self) -> pa.Table:
        files = self._files()
        if not files:
            return SCHEMA.empty_table()
        with failures(f"{self.place}: cannot read"):
            return dataset.dataset(files, SCHEMA, format="parquet", filesystem=self.place.filesystem).to_table()

    def _write(self, table: pa.Table) -> str:
        file = io.BytesIO()
        parquet.write_table(table, file, compression="zstd")
        file.seek(0)
        part = self.place / f"{datetime.datetime.now(datetime.timezone.utc):%Y%m%dT%H%M%S}-{uuid.uuid4().hex}.parquet"
        part.take(file)
        return part.path

    def _remove(self, files: Sequence[str]) -> None:
        for file in files:
            Place(self.place.root, file).remove()


class _Adder:
    """The function that adds rows: a file every two seconds, and one of many small files."""

    def __init__(self, manifest: Manifest):
        self._manifest = manifest
        self._waiting: list[Mapping[str, Any]] = []
        self._parts: list[str] = []
        self._kept = SCHEMA.empty_table()
        self._error: AudioError | None = None
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="manifest", daemon=True)
        self._thread.start()

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if self._error:
            raise self._error
        time = datetime.datetime.now(datetime.timezone.utc)  # of this machine alone: clocks differ
        with self._lock:
            self._waiting += [{**row, "time": time} for row in rows]

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        if self._error:
            raise self._error

    def _work(self) -> None:
        try:
            while not self._ended.wait(_FLUSH_S):
                self._flush()
            self._flush()
        except AudioError as error:
            self._error = error

    def _flush(self) -> None:
        with self._lock:
            rows, self._waiting = self._waiting, []
        if not rows:
            return
        added = pa.Table.from_pylist(list(rows), SCHEMA)
        self._kept = pa.concat_tables([self._kept, added])
        self._parts.append(self._manifest._write(added))
        if len(self._parts) >= _MOST_PARTS:
            merged = self._manifest._write(self._kept)
            self._manifest._remove(self._parts)
            self._parts = [merged]


def has_other_files(target: Place) -> bool:
    """Whether a folder holds anything, and no manifest.

    Raises:
        AudioError: it cannot be read.

    Examples:
        >>> from keras_sep.cluster.manifest import has_other_files
        >>> from keras_sep.cluster.places import Place
        >>> has_other_files(Place.parse("stems"))
        False
    """
    names = [file.base_name for file in target.files(recursive=False) if not file.base_name.startswith(".")]
    return bool(names) and NAME not in names


def _newest(rows: pa.Table) -> pa.Table:
    """Returns the newest row of each song, in the order of their songs."""
    newest = {song: index for index, song in enumerate(rows.sort_by("time").column("song").to_pylist())}
    return rows.sort_by("time").take(pa.array(list(newest.values()), pa.int64())).sort_by("song")
