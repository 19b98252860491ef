"""Background workers that separate songs out of the reach of signals: one song in a thread, several in processes.

Separate processes also limit a crash in a library to one song.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from keras_sep.batch.plan import STANDARD, Job
from keras_sep.errors import AudioError, ModelFileError
from keras_sep.separator import Progress, Separator

_TICK_S = 0.2  # longest wait at a time: Ctrl-C may reach another thread, which does not end a wait in this one
_PATIENCE_S = 5.0  # for a worker to finish its current block; after that it is ended
_REPORT_S = 0.1


@dataclass(frozen=True)
class Result:
    """Result of a job.

    Attributes:
        problem: error in one line, or None if all outputs are in place.
        warnings: lines for the user.

    Examples:
        >>> from keras_sep.batch.workers import Result
        >>> Result(warnings=["song.mp3: the file is cut off after 60.000 s"]).problem is None
        True
    """

    problem: str | None = None
    warnings: Sequence[str] = ()


class _Stopped(Exception):
    """Exception that ends a separation from within."""


def usable_cores() -> int:
    """Returns the number of cores that this process may use.

    Examples:
        >>> from keras_sep.batch.workers import usable_cores
        >>> usable_cores() >= 1
        True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


JobProgress = Callable[[int, int, "int | None", int], None]  # index of the job, then the arguments of Progress


def separate_all(
    separator: Separator,
    jobs: Sequence[Job],
    num_processes: int,
    progress: JobProgress,
    before_commit: Callable[[int], None],
) -> Generator[tuple[int, Result], None, None]:
    """Separates a single song in a thread, or several songs in processes.

    Args:
        separator: separator for a single song; processes open its model file themselves.
        jobs: songs with outputs to make.
        num_processes: largest number of processes.
        progress: function that is called a few times a second with the index of a job and the arguments of `Progress`.
        before_commit: function that is called with the index of a job when its outputs are complete, before they
            appear; AudioError from it becomes the job's problem.

    Yields:
        (index of the job, Result), in the order in which the jobs end.

    Raises:
        BrokenPipeError: a stem was written to standard output, and its reader has ended.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep import Separator, example
        >>> from keras_sep.batch.plan import Job
        >>> from keras_sep.batch.workers import separate_all
        >>> from keras_sep.outputs import FileOptions, Output
        >>> output = Output(Path("vocals.wav"), {"vocals": 1.0})
        >>> job = Job(example() / "mixture.flac", [output], FileOptions(duration=1.0))
        >>> nothing = lambda *numbers: None
        >>> list(separate_all(Separator("small"), [job], 1, progress=nothing, before_commit=nothing))
        [(0, Result(problem=None, warnings=()))]
    """
    if len(jobs) == 1:
        yield 0, _separate_here(separator, jobs[0], functools.partial(progress, 0), lambda: before_commit(0))
    elif jobs:
        yield from _separate_apart(separator.model, jobs, min(len(jobs), num_processes), progress, before_commit)


def _separate_here(separator: Separator, job: Job, progress: Progress, before_commit: Callable[[], None]) -> Result:
    # An event, because Thread.join after Ctrl-C takes a running thread for an ended one (Python 3.11).
    stop, ended, results = threading.Event(), threading.Event(), list[Result | BaseException]()

    def checked(done: int, total: int | None, sample_rate: int) -> None:
        if stop.is_set():
            raise _Stopped
        progress(done, total, sample_rate)

    def run() -> None:
        try:
            results.append(_separate(separator, job, checked, before_commit))
        except BaseException as error:  # such as BrokenPipeError
            results.append(error)
        finally:
            ended.set()

    threading.Thread(target=run, name="song", daemon=True).start()
    try:
        while not ended.wait(_TICK_S):
            pass
    except BaseException:
        stop.set()
        if not ended.wait(_PATIENCE_S):  # it probably waits for standard input
            _clear(job, os.getpid())
        raise
    (result,) = results
    if isinstance(result, BaseException):
        raise result
    return result


def _separate_apart(
    model: Path, jobs: Sequence[Job], num_processes: int, progress: JobProgress, before_commit: Callable[[int], None]
) -> Generator[tuple[int, Result], None, None]:
    waiting, workers = deque(enumerate(jobs)), list[_Worker]()
    try:
        while waiting or any(worker.job for worker in workers):
            for _ in range(min(len(waiting), num_processes - len(workers))):
                workers.append(_Worker(model))
            for worker in workers:
                if worker.job is None and waiting:
                    worker.begin(*waiting.popleft())
            busy = {worker.connection: worker for worker in workers if worker.job}
            for connection in wait(list(busy), _TICK_S):
                worker = busy[connection]  # type: ignore[index]
                try:
                    kind, value = worker.connection.recv()
                except (EOFError, OSError):
                    workers.remove(worker)
                    yield worker.number, Result(f"{jobs[worker.number].song}: {worker.bury()}")
                    continue
                if kind == "progress":
                    progress(worker.number, *value)
                elif kind == "ready":
                    try:
                        before_commit(worker.number)
                        answer = None
                    except AudioError as error:
                        answer = str(error)
                    with contextlib.suppress(OSError):  # if it has ended: noticed above
                        worker.connection.send(answer)
                else:
                    worker.job = None
                    yield worker.number, value
    finally:
        for worker in workers:
            worker.connection.close()  # which tells the process to end
        end = time.monotonic() + _PATIENCE_S
        for worker in workers:
            worker.process.join(max(0.0, end - time.monotonic()))
            worker.bury()


class _Worker:
    """Process that separates one song after the other.

    Attributes:
        job: job in progress, or None.
        number: its index.
    """

    def __init__(self, model: Path):
        context = multiprocessing.get_context("spawn")  # a fork copies locks, but not the threads that release them
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_work, args=(theirs, model), daemon=True)
        self.process.start()
        theirs.close()
        self.job: Job | None = None
        self.number = 0

    def begin(self, number: int, job: Job) -> None:
        self.number, self.job = number, job
        with contextlib.suppress(OSError):  # if it has ended: noticed on receiving
            self.connection.send(job)

    def bury(self) -> str:
        """Ends the process, removes its part files, and says how it ended."""
        if self.process.is_alive():
            self.process.join(_TICK_S)
            self.process.kill()
            self.process.join()
        if self.job:
            _clear(self.job, self.process.pid or 0)
        code = self.process.exitcode or 0
        if code >= 0:
            return f"the process that separated it ended with status {code}"
        return f"the process that separated it was ended by signal {-code} ({signal.strsignal(-code)})"


def _work(connection: Connection, model: Path) -> None:
    """Separates songs until the connection is closed; ignores signals, which the starting process handles."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    last = 0.0

    def progress(*numbers: int | None) -> None:
        nonlocal last
        if connection.poll():  # nothing is sent during a song: the connection is closed
            raise _Stopped
        if time.monotonic() - last >= _REPORT_S:
            last = time.monotonic()
            _tell(connection, "progress", numbers)

    def before_commit() -> None:
        _tell(connection, "ready", None)
        try:
            problem = connection.recv()
        except (EOFError, OSError) as error:
            raise _Stopped from error
        if problem:
            raise AudioError(problem)

    separator = None
    with contextlib.suppress(_Stopped, EOFError, OSError):
        while True:
            job: Job = connection.recv()
            last = 0.0  # so that the first report of each song is sent: it has the song's length
            try:
                separator = separator or Separator(model=model)
            except ModelFileError as error:
                result = Result(str(error))
            else:
                result = _separate(separator, job, progress, before_commit)
            _tell(connection, "done", result)


def _tell(connection: Connection, kind: str, value: object) -> None:
    try:
        connection.send((kind, value))
    except OSError as error:  # the other end is closed
        raise _Stopped from error


def _separate(separator: Separator, job: Job, progress: Progress, before_commit: Callable[[], None]) -> Result:
    """Separates a song; an error becomes the result's problem."""
    try:
        warnings = separator.separate_into(
            job.song, job.outputs, job.options, progress=progress, before_commit=before_commit
        )
        return Result(warnings=tuple(warnings))
    except (_Stopped, BrokenPipeError):
        raise
    except (AudioError, ModelFileError) as error:
        return Result(str(error))
    except OSError as error:
        return Result(f"{job.song}: {error.strerror or error}")
    except Exception as error:  # a bug, here or in a library, must not end the other songs
        return Result(f"{job.song}: unexpected {type(error).__name__}: {error}")


def _clear(job: Job, pid: int) -> None:
    """Removes the part files that a process has left for a job's outputs."""
    with contextlib.suppress(OSError):
        for folder in {output.path.parent for output in job.outputs if output.path != STANDARD}:
            for part in folder.glob(f".*.{pid}.part"):
                part.unlink(missing_ok=True)
