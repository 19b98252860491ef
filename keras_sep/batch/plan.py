"""Plan of a command: the files it will make from each song, decided before anything is written."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from keras_sep.audio import FORMATS
from keras_sep.batch.records import Entry, Records, differences, made_of
from keras_sep.batch.songs import Skipped, Song, find_songs
from keras_sep.batch.template import DEFAULT, NameTemplate
from keras_sep.errors import AudioError
from keras_sep.outputs import FileOptions, Output

STANDARD = Path("-")  # standard input or output


@dataclass(frozen=True)
class Request:
    """Parsed arguments of a command that separates songs.

    Args:
        inputs: files and folders, or "-" alone.
        out: output folder, or "-" for standard output.
        mixes: outputs of each song, by the name of a stem or "mix": the factor of each source in that output.
        model: SHA-256 of the model file.
        model_name: name of the preset, or of the model file.
        options: options for reading and writing.
        template: template for the paths of the outputs below `out`.
        include: patterns for songs in folders, see `find_songs`.
        overwrite: whether existing outputs are replaced.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.batch.plan import Request
        >>> from keras_sep.outputs import FileOptions
        >>> request = Request(
        ...     inputs=[Path("song.mp3"), Path("album")],
        ...     out=Path("stems"),
        ...     mixes={"vocals": {"vocals": 1.0}, "accompaniment": {"accompaniment": 1.0}},
        ...     model="6a1f…",
        ...     model_name="small",
        ...     options=FileOptions("flac"),
        ... )
        >>> request.suffix
        '.flac'
    """

    inputs: Sequence[Path]
    out: Path
    mixes: Mapping[str, Mapping[str, float]]
    model: str
    model_name: str
    options: FileOptions = field(default_factory=FileOptions)
    template: NameTemplate = field(default_factory=lambda: NameTemplate(DEFAULT))
    include: Sequence[str] = ()
    overwrite: bool = False

    @property
    def suffix(self) -> str:
        """Suffix of the outputs, with the dot."""
        return FORMATS[self.options.format].suffix


@dataclass
class Job:
    """One song of a plan, with its outputs.

    Attributes:
        song: path of the input.
        outputs: files that are still to be made.
        options: options for reading and writing.
        entries: entry for the record of each output, by its path, see `made_of`.
        made: outputs that exist already, made from the same song with the same model and options.
        problem: reason why the song cannot be separated, in one line, or None.
        is_to_do: whether there are outputs to make and no problem.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.batch.plan import Job
        >>> from keras_sep.outputs import FileOptions, Output
        >>> job = Job(Path("song.mp3"), [Output(Path("vocals.wav"), {"vocals": 1.0})], FileOptions())
        >>> job.is_to_do
        True
    """

    song: Path
    outputs: list[Output]
    options: FileOptions
    entries: dict[Path, Entry] = field(default_factory=dict)
    made: list[Path] = field(default_factory=list)
    problem: str | None = None

    @property
    def is_to_do(self) -> bool:
        return self.problem is None and bool(self.outputs)


def make_plan(request: Request, records: Records) -> list[Job | Skipped]:
    """Decides what to make from each song, without writing anything.

    Returns:
        In the order of the inputs, a job for each song, and what is left out of folders.

    Raises:
        AudioError: two outputs with the same path, an output that would replace an input, a path outside the output
            folder, or several outputs for standard output.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep import example
        >>> from keras_sep.batch.plan import Request, make_plan
        >>> from keras_sep.batch.records import Records
        >>> mixes, inputs = {"vocals": {"vocals": 1.0}}, [example() / "mixture.flac"]
        >>> request = Request(inputs, Path("stems"), mixes, "6a1f…", "small")
        >>> [job] = make_plan(request, Records())
        >>> [output.path.as_posix() for output in job.outputs]
        ['stems/mixture/vocals.wav']
    """
    plan: list[Job | Skipped] = []
    seen: set[tuple[str, str]] = set()
    for item in _items(request, records):
        if isinstance(item, Skipped):
            plan.append(item)
        elif (key := (os.path.realpath(item.path), item.name)) not in seen:
            seen.add(key)
            plan.append(Job(item.path, _outputs(item, request), request.options))
    jobs = [item for item in plan if isinstance(item, Job)]
    if request.out == STANDARD and (len(jobs), len(request.mixes)) != (1, 1):
        raise AudioError(
            "-o -: expected one song, and one stem of it (--stems NAME, or --mix). "
            f"Received: {len(jobs)} songs, {len(request.mixes)} stems"
        )
    require_distinct([(str(job.song), [output.path for output in job.outputs]) for job in jobs])
    _require_no_input(jobs)
    for job in jobs:
        _compare(job, request, records)
    return plan


def _items(request: Request, records: Records) -> Iterator[Song | Skipped]:
    for path in request.inputs:
        if not os.path.isdir(path):  # Path.is_dir raises for a name that is too long
            yield Song(path, "stdin" if path == STANDARD else path.stem)
            continue
        found = list(
            find_songs(path, request.include, request.out, is_output=lambda file: records.get(file) is not None)
        )
        yield from found
        if not any(isinstance(item, Song) or item.failed for item in found):
            reason = "expected songs in this folder. Received: none (--dry-run says what else is there)"
            yield Skipped(path, reason, failed=True)


def _outputs(song: Song, request: Request) -> list[Output]:
    outputs = []
    for stem, gains in request.mixes.items():
        target = request.template.path(
            name=song.name, stem=stem, preset=request.model_name, suffix=song.path.suffix.removeprefix(".")
        )
        path = STANDARD if request.out == STANDARD else request.out / f"{target}{request.suffix}"
        outputs.append(Output(path, dict(gains)))
    return outputs


def require_distinct(made: Sequence[tuple[str, Sequence[Path]]]) -> None:
    """Raises AudioError where two outputs, of one song or of two, have the same name.

    Args:
        made: each song with the paths of its outputs.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.batch.plan import require_distinct
        >>> require_distinct([("a.mp3", [Path("a.wav")]), ("a.flac", [Path("a.wav")])])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        keras_sep.errors.AudioError: a.mp3 and a.flac would both be written to a.wav: ...
    """
    owners: dict[str, int] = {}
    for number, (song, paths) in enumerate(made):
        for path in paths:
            name = os.path.normpath(path)
            if sys.platform in ("darwin", "win32"):  # where "Song" and "song" name the same file
                name = unicodedata.normalize("NFC", name).casefold()
            owner = owners.setdefault(name, number)
            if owner != number:
                raise AudioError(
                    f"{made[owner][0]} and {song} would both be written to {path}: "
                    "choose another OUTDIR for one, or a --name that tells them apart, as by {suffix}"
                )
        if len(set(paths)) < len(paths):
            raise AudioError(f"{song}: all of its stems would be written to {paths[0]}: expected {{stem}} in --name")


def _require_no_input(jobs: Sequence[Job]) -> None:
    inputs = {_identity(job.song): job.song for job in jobs}
    inputs.pop(None, None)
    for job in jobs:
        for output in job.outputs:
            song = inputs.get(_identity(output.path))
            if song is not None:
                what = "the input" if song is job.song else "another input"
                raise AudioError(f"{output.path}: cannot write: it is {what}; choose another OUTDIR")


def _compare(job: Job, request: Request, records: Records) -> None:
    """Moves a job's finished outputs to `made`; sets its problem if an output exists that was made differently."""
    wanted, job.outputs = job.outputs, []
    for output in wanted:
        try:
            new = made_of(job.song, output, request.options, request.model, request.model_name)
        except OSError as error:
            job.problem = f"{job.song}: cannot read: {error.strerror or error}"
            return
        job.entries[output.path] = new
        old = records.get(output.path)
        if request.overwrite or not os.path.isfile(output.path) or (old and not old["complete"]):
            job.outputs.append(output)
            continue
        if old is None:
            how = "and nothing says what it was made of"
        elif found := differences(old, new, output.path.parent):
            how = f"made {', '.join(found)}"
        elif old["size"] != output.path.stat().st_size:
            how = "changed since it was made"
        else:
            job.made.append(output.path)
            continue
        job.problem = f"{job.song}: {output.path} is there already, {how}; --overwrite replaces it"
        return


def _identity(path: Path) -> tuple[int, int] | None:
    if path == STANDARD:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
