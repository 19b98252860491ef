"""The separation of a catalogue on a cluster."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_sep.batch.plan import Request, require_distinct
from keras_sep.batch.records import differences, made_by
from keras_sep.batch.songs import Skipped
from keras_sep.batch.workers import usable_cores
from keras_sep.cluster.catalogue import CatalogueSong, find_catalogue
from keras_sep.cluster.manifest import Manifest, has_other_files
from keras_sep.cluster.places import Place
from keras_sep.cluster.session import ray_session
from keras_sep.cluster.song_worker import SongWorker, Task
from keras_sep.errors import AudioError

Say = Callable[[str, str], None]


@dataclass
class Catalogue:
    """The songs of a catalogue that are to be separated, and those that are not.

    Attributes:
        to_do: rows for `SongWorker`.
        num_made: songs whose stems are there already, made of the same.
        problems: of songs of which nothing can be made, one line each.
        skipped: files that are left out.

    Examples:
        >>> from keras_sep.cluster.separate import Catalogue
        >>> Catalogue().to_do
        []
    """

    to_do: list[dict[str, Any]] = field(default_factory=list)
    num_made: int = 0
    problems: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


@dataclass
class _Summary:
    songs: int = 0
    seconds: float = 0.0
    failures: int = 0

    def line(self, took_s: float) -> str:
        return (
            f"{self.songs} songs, {self.seconds / 3600:.2f} hours of audio, {self.seconds / took_s:.1f} × real time, "
            f"{self.failures} failures"
        )


def plan_catalogue(sources: Sequence[str], target: Place, request: Request, manifest: Manifest) -> Catalogue:
    """Returns what is to be done, after what the manifest says.

    Args:
        sources: see `find_catalogue`.
        target: folder of the stems.
        request: what to make of each song, and how; its inputs and its output folder do not count.
        manifest: of the target.

    Raises:
        AudioError: two outputs of one name, an output that would replace an input, a target with other files.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep import example
        >>> from keras_sep.batch.plan import Request
        >>> from keras_sep.cluster.manifest import Manifest
        >>> from keras_sep.cluster.places import Place
        >>> from keras_sep.cluster.separate import plan_catalogue
        >>> target, request = Place.parse("stems"), Request([], Path(), {"vocals": {"vocals": 1.0}}, "0123", "base")
        >>> plan = plan_catalogue([str(example() / "mixture.flac")], target, request, Manifest(target))
        >>> [song["outputs"] for song in plan.to_do]
        [[['vocals', 'mixture/vocals.wav']]]
    """
    if not request.overwrite and has_other_files(target):
        raise AudioError(
            f"{target}: expected a new folder, or one with the manifest of an earlier run. "
            "Received: other files; --overwrite puts the stems among them"
        )
    plan, seen, inputs = Catalogue(), set[Place](), list[tuple[str, list[Path]]]()
    known = {} if request.overwrite else manifest.newest()
    for item in find_catalogue(sources, request.include, target):
        if isinstance(item, Skipped):
            plan.skipped.append(item)
            continue
        if item.place in seen:
            continue
        seen.add(item.place)
        outputs = [[stem, path.as_posix()] for stem, path in _outputs(item, request).items()]
        inputs.append((str(item.place), [Path(path) for _, path in outputs]))
        if (row := known.get(str(item.place))) and not row["error"]:
            made = {stem["path"] for stem in row["stems"] or ()}
            if found := differences(_known(row, vars(item)), _known(vars(item), row, _made_by(request)), Path()):
                plan.problems.append(
                    f"{item.place}: its stems are there already, made {', '.join(found)}; --overwrite replaces them"
                )
            elif made != {str(target / path) for _, path in outputs}:
                plan.problems.append(
                    f"{item.place}: its stems are there already, under other names; --overwrite makes them anew"
                )
            else:
                plan.num_made += 1
            continue
        facts = {"bytes": item.bytes, "mtime_ns": item.mtime_ns, "outputs": outputs}
        plan.to_do.append({"number": len(plan.to_do), "root": item.place.root, "path": item.place.path, **facts})
    require_distinct(inputs)
    for song in plan.to_do:
        for _, path in song["outputs"]:
            if target / path in seen:
                raise AudioError(f"{target / path}: cannot write: it is an input; choose another folder")
    return plan


def separate_catalogue(
    sources: Sequence[str],
    target: str,
    request: Request,
    model: bytes,
    *,
    cluster: str,
    num_workers: int | None,
    dry_run: bool,
    quiet: bool,
    say: Say,
) -> int:
    """Separates a catalogue; prints its summary.

    Args:
        sources, target, request: see `plan_catalogue`.
        model: the bytes of the model file.
        cluster: see `ray_session`.
        num_workers: at most, a core each; None for as many as there are.
        dry_run: print what would be made, and no more.
        quiet: neither progress bars nor the summary.
        say: called with "error", "warning" or "" and a line.

    Returns:
        Exit status: 1 if a song failed.

    Raises:
        AudioError: see `plan_catalogue` and `ray_session`; a manifest that cannot be written.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep import Separator, example
        >>> from keras_sep.batch.plan import Request
        >>> from keras_sep.cluster.separate import separate_catalogue
        >>> request = Request([], Path(), {"vocals": {"vocals": 1.0}}, "0123", "small")
        >>> model, song = Separator("small").model.read_bytes(), str(example() / "mixture.flac")
        >>> how = {"cluster": "local", "num_workers": 1, "dry_run": True, "quiet": True, "say": print}
        >>> separate_catalogue([song], "stems", request, model, **how)  # doctest: +ELLIPSIS
        /...mixture.flac -> /...stems/mixture/vocals.wav
        0
    """
    place = Place.parse(target)
    manifest = Manifest(place)
    plan = plan_catalogue(sources, place, request, manifest)
    if dry_run:
        _print_plan(plan, place)
    for problem in plan.problems:
        say("error", problem)
    if dry_run or not plan.to_do:
        if not dry_run and not quiet:
            say("", f"{plan.num_made} songs have their stems already")
        return 1 if plan.problems else 0
    manifest.begin()
    summary, begin = _Summary(), time.monotonic()
    with ray_session(cluster, num_workers or usable_cores(), progress=not quiet) as ray:
        task = Task(
            model,
            request.model,
            {k: dict(v) for k, v in request.mixes.items()},
            request.options,
            place,
            _made_by(request),
            _counter(ray),
        )
        with manifest.adding() as add:
            for row in _rows(ray, plan.to_do, task, num_workers):
                add([row])
                summary.songs += 1
                summary.seconds += row["seconds"] or 0.0
                for warning in row["warnings"] or ():
                    say("warning", warning)
                if row["error"]:
                    summary.failures += 1
                    say("error", row["error"])
    manifest.tidy()
    if not quiet:
        say("", summary.line(time.monotonic() - begin))
    return 1 if summary.failures or plan.problems else 0


def _rows(ray: Any, songs: list[dict[str, Any]], task: Task, num_workers: int | None) -> Iterator[Mapping[str, Any]]:
    """Yields the row of each song as it ends."""
    from ray.data import ActorPoolStrategy

    cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
    most = min(num_workers or cores, len(songs))
    separated = ray.data.from_items(songs, override_num_blocks=len(songs)).map_batches(
        SongWorker,
        fn_constructor_args=(task,),
        batch_format="pyarrow",
        batch_size=1,
        num_cpus=1,
        compute=ActorPoolStrategy(min_size=1, initial_size=most, max_size=num_workers, max_tasks_in_flight_per_actor=2),
    )
    for block in separated.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        yield from block.to_pylist()


def _counter(ray: Any) -> Callable[[int], int]:
    """Returns what counts tries, in a process of this machine, which ends with the command."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    tries = ray.remote(num_cpus=0, scheduling_strategy=here)(_Tries).remote()
    return lambda number: ray.get(tries.begin.remote(number))


class _Tries:
    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def begin(self, number: int) -> int:
        self._counts[number] = self._counts.get(number, 0) + 1
        return self._counts[number]


def _outputs(song: CatalogueSong, request: Request) -> dict[str, Path]:
    suffix = Path(song.place.path).suffix.removeprefix(".")
    outputs = {}
    for stem in request.mixes:
        path = request.template.path(name=song.name, stem=stem, preset=request.model_name, suffix=suffix)
        outputs[stem] = path.with_name(path.name + request.suffix)
    return outputs


def _made_by(request: Request) -> str:
    return json.dumps(made_by(request.mixes, request.options, request.model, request.model_name), sort_keys=True)


def _known(song: Mapping[str, Any], other: Mapping[str, Any], made: str | None = None) -> dict[str, Any]:
    """Returns all that the stems of a song depend on, as `keras_sep.batch.records` has it.

    Size and time count where both sides know them: in a list of remote songs they are not looked up.
    """
    facts = {key: song[key] if other[key] is not None else None for key in ("bytes", "mtime_ns")}
    return {"song": "it", **facts, **json.loads(made or song["made_by"])}


def _print_plan(plan: Catalogue, target: Place) -> None:
    for item in plan.skipped:
        print(f"{item.path}: skipped: {item.reason}")
    for song in plan.to_do:
        for _, path in song["outputs"]:
            print(f"{Place(song['root'], song['path'])} -> {target / path}")
