"""Execution of a plan, with a line for each song."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

from tqdm import tqdm

from keras_sep.audio import sweep_parts
from keras_sep.batch.plan import STANDARD, Job
from keras_sep.batch.records import Records
from keras_sep.batch.songs import Skipped
from keras_sep.batch.workers import Result, separate_all, usable_cores
from keras_sep.errors import AudioError
from keras_sep.outputs import missing_folders, remove_empty
from keras_sep.separator import Separator


def print_plan(plan: Sequence[Job | Skipped]) -> int:
    """Prints which outputs would be made from which songs, and what is left out and why.

    Returns:
        Exit status: 1 if there is a problem.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.batch.plan import Job
        >>> from keras_sep.batch.run import print_plan
        >>> from keras_sep.batch.songs import Skipped
        >>> from keras_sep.outputs import FileOptions, Output
        >>> song = Job(Path("song.mp3"), [Output(Path("vocals.wav"), {"vocals": 1.0})], FileOptions())
        >>> print_plan([song, Skipped(Path(".hidden"), "hidden")])
        song.mp3 -> vocals.wav
        .hidden: skipped: hidden
        0
    """
    problems = 0
    for item in plan:
        if isinstance(item, Skipped) and not item.failed:
            print(f"{item.path}: skipped: {item.reason}")
        elif problem := _problem(item):
            problems += 1
            _say("error", problem)
        elif isinstance(item, Job):
            if item.made:
                print(_skipped(item))
            for output in item.outputs:
                print(f"{item.song} -> {output.path}")
    return 1 if problems else 0


def run_plan(
    plan: Sequence[Job | Skipped], separator: Separator, records: Records, num_processes: int | None, quiet: bool
) -> int:
    """Separates the songs of a plan, and prints, in its order, the outputs, the problems and what is skipped.

    Args:
        plan: jobs and what is left out, as `make_plan` returns them.
        separator: separator for the songs.
        records: records that get an entry for each output.
        num_processes: number of songs to separate at the same time; None for one per core.
        quiet: whether to print neither a progress bar nor the outputs.

    Returns:
        Exit status: 1 if there was a problem.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep import Separator, example
        >>> from keras_sep.batch.plan import Job
        >>> from keras_sep.batch.records import Records, made_of
        >>> from keras_sep.batch.run import run_plan
        >>> from keras_sep.outputs import FileOptions, Output
        >>> song, output = example() / "mixture.flac", Output(Path("vocals.wav"), {"vocals": 1.0})
        >>> options = FileOptions(duration=1.0)
        >>> entry = made_of(song, output, options, "6a1f…", "small")
        >>> job = Job(song, [output], options, {output.path: entry})
        >>> run_plan([job], Separator("small"), Records(), num_processes=1, quiet=True)
        0
        >>> output.path.exists()
        True
    """
    pending = {number: item for number, item in enumerate(plan) if isinstance(item, Job) and item.is_to_do}
    jobs = list(pending.values())
    folders = {path.parent for item in plan if isinstance(item, Job) for path in item.entries if path != STANDARD}
    for folder in sorted(folders):
        sweep_parts(folder)
    missing = missing_folders(output.path for job in jobs for output in job.outputs)

    def keep(number: int, complete: bool) -> None:
        job = jobs[number]
        records.set({o.path: job.entries[o.path] for o in job.outputs if o.path != STANDARD}, complete)

    results: dict[int, Result] = {}  # by position in the plan
    printed = failed = 0

    def report(as_far_as_known: bool) -> None:
        """Prints the results in the order of the plan: up to the first missing one, or all that there are."""
        nonlocal printed, failed
        while printed < len(plan):
            known = printed not in pending or printed in results
            if not known and as_far_as_known:
                return
            if known:
                failed += _report(plan[printed], results.get(printed), quiet)
            printed += 1

    with contextlib.closing(_Bar(jobs, quiet)) as bar:
        report(as_far_as_known=True)
        ended = separate_all(
            separator,
            jobs,
            num_processes or usable_cores(),
            progress=bar.update,
            before_commit=lambda number: keep(number, complete=False),
        )
        try:
            with contextlib.closing(ended):
                for number, result in ended:
                    bar.end(number)
                    if result.problem is None:
                        try:
                            keep(number, complete=True)
                        except AudioError as error:
                            result = Result(str(error), result.warnings)
                    results[list(pending)[number]] = result
                    report(as_far_as_known=True)
        except KeyboardInterrupt:
            report(as_far_as_known=False)
            raise
        finally:
            # Songs remove their empty folders, but not after a crash, and not if they hold a folder of another song.
            remove_empty(missing)
    return 1 if failed else 0


def _report(item: Job | Skipped, result: Result | None, quiet: bool) -> bool:
    """Prints the result of a song; returns whether there is a problem."""
    problem = result.problem if result else _problem(item)
    for warning in result.warnings if result else ():
        _say("warning", warning)
    if problem:
        _say("error", problem)
    elif isinstance(item, Job) and not item.outputs:
        _say(None, _skipped(item))
    elif isinstance(item, Job) and not quiet:
        for output in item.outputs:
            if output.path != STANDARD:
                tqdm.write(str(output.path), sys.stdout)
    return problem is not None


def _problem(item: Job | Skipped) -> str | None:
    if isinstance(item, Job):
        return item.problem
    return f"{item.path}: {item.reason}" if item.failed else None


def _skipped(job: Job) -> str:
    folders = " and ".join(dict.fromkeys(str(path.parent) for path in job.made))
    return f"{job.song}: skipped, its stems are in {folders} (--overwrite replaces them)"


def _say(kind: str | None, message: str) -> None:
    # A file's name may hold a line break.
    line = " ".join(message.splitlines())
    with contextlib.suppress(OSError):  # the terminal is closed; the work goes on
        tqdm.write(f"keras-sep: {kind}: {line}" if kind else f"keras-sep: {line}", sys.stderr)


class _Bar:
    """Progress bar for all songs, in seconds of audio; hidden if standard error is no terminal."""

    def __init__(self, jobs: Sequence[Job], quiet: bool):
        self._jobs = jobs
        self._seen = [(0.0, 0.0)] * len(jobs)  # seconds done and in all
        self._ended = 0
        self._bar = tqdm(total=0, unit="s", unit_scale=True, disable=True if quiet or not jobs else None, leave=False)
        self._describe()

    def update(self, number: int, done: int, total: int | None, sample_rate: int) -> None:
        """Takes a report of `Separator.separate_into` about a job."""
        before, now = self._seen[number], (done / sample_rate, (total or done) / sample_rate)
        self._seen[number] = now
        self._bar.total += now[1] - before[1]
        with contextlib.suppress(OSError):
            self._bar.update(now[0] - before[0])

    def end(self, number: int) -> None:
        self._ended += 1
        done, total = self._seen[number]
        self._bar.total -= total - done  # what a failed song leaves undone
        self._describe()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._bar.close()

    def _describe(self) -> None:
        name = self._jobs[0].song.name if len(self._jobs) == 1 else f"{self._ended} of {len(self._jobs)} songs"
        self._bar.set_description_str(name, refresh=False)
