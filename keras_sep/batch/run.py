"""Does what has been planned, and says how it went."""

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
    """Prints what would be made of what, and what would not and why; returns the exit status."""
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
    """Separates the songs; prints what was made, what is wrong and what is skipped, in the order of the plan.

    Args:
        num_processes: that separate several songs at the same time; None for as many as there are cores.
        quiet: neither a progress bar nor the outputs.

    Returns:
        Exit status: 1 if an error was printed.
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

    results: dict[int, Result] = {}  # by the number in the plan
    printed = failed = 0

    def report(as_far_as_known: bool) -> None:
        """Prints what has become of the songs: as far as that is known of all before them, or of all it is known of."""
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
            # Each song removes its own, but for those that another one had its folder in, or after a crash.
            remove_empty(missing)
    return 1 if failed else 0


def _report(item: Job | Skipped, result: Result | None, quiet: bool) -> bool:
    """Prints what has become of a song; returns whether something is wrong."""
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
    with contextlib.suppress(OSError):  # the terminal has gone; whatever is in hand goes on
        tqdm.write(f"keras-sep: {kind}: {line}" if kind else f"keras-sep: {line}", sys.stderr)


class _Bar:
    """One bar for all songs, in seconds of them; none where standard error is no terminal."""

    def __init__(self, jobs: Sequence[Job], quiet: bool):
        self._jobs = jobs
        self._seen = [(0.0, 0.0)] * len(jobs)  # seconds done and in all
        self._ended = 0
        self._bar = tqdm(total=0, unit="s", unit_scale=True, disable=True if quiet or not jobs else None, leave=False)
        self._describe()

    def update(self, number: int, done: int, total: int | None, sample_rate: int) -> None:
        """Takes what `Separator.separate_into` reports of a job."""
        before, now = self._seen[number], (done / sample_rate, (total or done) / sample_rate)
        self._seen[number] = now
        self._bar.total += now[1] - before[1]
        with contextlib.suppress(OSError):
            self._bar.update(now[0] - before[0])

    def end(self, number: int) -> None:
        self._ended += 1
        done, total = self._seen[number]
        self._bar.total -= total - done  # of a song that failed
        self._describe()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._bar.close()

    def _describe(self) -> None:
        name = self._jobs[0].song.name if len(self._jobs) == 1 else f"{self._ended} of {len(self._jobs)} songs"
        self._bar.set_description_str(name, refresh=False)
