"""The limits of the one command that conducts a cluster: songs planned, handed out and written down."""

from __future__ import annotations

import json
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from common.markdown import table
from keras_sep.batch.plan import Request
from keras_sep.batch.records import made_by
from keras_sep.cluster.manifest import Manifest
from keras_sep.cluster.places import Place
from keras_sep.cluster.separate import plan_catalogue
from keras_sep.cluster.session import ray_session
from keras_sep.outputs import FileOptions

STEMS = {"vocals": {"vocals": 1.0}, "accompaniment": {"accompaniment": 1.0}}


def measure_scale(num_songs: int, num_handed_out: int) -> str:
    """Measures a catalogue of songs that are not there, without separating anything.

    Args:
        num_songs: planned, and in the manifest.
        num_handed_out: by Ray Data to one worker, which does nothing with them.

    Returns:
        A table in Markdown: processor seconds of the command, and songs per second of it.
    """
    rows = []
    with tempfile.TemporaryDirectory() as name:
        songs = Path(name) / "songs.parquet"
        parquet.write_table(pa.table({"song": [f"/music/{n % 1000}/{n}.flac" for n in range(num_songs)]}), songs)
        target = Place.parse(f"{name}/stems")
        manifest, options = Manifest(target), FileOptions()
        request = Request([], Path(), STEMS, model="0" * 64, model_name="base", options=options)
        found: list[Any] = []
        rows.append(
            _row("planned, of a list", num_songs, lambda: found.append(_plan(songs, target, request, manifest)))
        )
        made = json.dumps(made_by(STEMS, options, request.model, request.model_name), sort_keys=True)
        rows.append(_row("written to the manifest", num_songs, lambda: _write(manifest, num_songs, made)))
        rows.append(_row("looked up in the manifest", num_songs, manifest.newest))
    with ray_session("local", 1) as ray:
        rows.append(
            _row("handed out and taken back by Ray Data", num_handed_out, lambda: _hand_out(ray, num_handed_out))
        )
    return table(["", "songs", "processor, s", "songs/s"], rows)


def _row(name: str, count: int, do: Callable[[], object]) -> list[str]:
    before = _cpu()
    do()
    took = _cpu() - before
    return [name, str(count), f"{took:.1f}", f"{count / took:.0f}"]


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _plan(songs: Path, target: Place, request: Request, manifest: Manifest) -> object:
    return plan_catalogue([str(songs)], target, request, manifest)


def _write(manifest: Manifest, count: int, made: str) -> None:
    stem = {"name": "vocals", "peak_db": -1.0, "rms_db": -20.0, "clipped": 0}
    with manifest.adding() as add:
        for number in range(count):
            stems = [{**stem, "path": f"/stems/{number}/{each}.wav"} for each in STEMS]
            add([{"song": f"/music/{number}.flac", "seconds": 240.0, "stems": stems, "made_by": made, "tries": 1}])


def _hand_out(ray: Any, count: int) -> None:
    from ray.data import ActorPoolStrategy

    rows = [{"number": n, "root": "", "path": f"/music/{n}.flac", "outputs": [["vocals", "v"]]} for n in range(count)]
    given = ray.data.from_items(rows, override_num_blocks=count)
    pool = ActorPoolStrategy(size=1, max_tasks_in_flight_per_actor=2)
    taken = given.map_batches(_Idle, batch_format="pyarrow", batch_size=1, num_cpus=1, compute=pool)
    assert sum(block.num_rows for block in taken.iter_batches(batch_size=None, batch_format="pyarrow")) == count


class _Idle:
    def __call__(self, songs: pa.Table) -> pa.Table:
        return songs
