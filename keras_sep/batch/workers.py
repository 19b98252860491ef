"""Songs that are separated where signals cannot reach: in a thread, or several at a time in processes.

A process of its own also keeps a crash in a library from ending more than one song.
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

_TICK_S = 0.2  # the system may hand Ctrl-C to another thread, which does not wake who waits: never wait for ever
_PATIENCE_S = 5.0  # for the block in hand; what has not ended then hangs
_REPORT_S = 0.1


@dataclass(frozen=True)
class Result:
    """What has become of a job.

    Attributes:
        problem: one line, or None if all outputs are in place.
        warnings: one line each.
    """

    problem: str | None = None
    warnings: Sequence[str] = ()


class _Stopped(Exception):
    """Raised inside a separation that is to end."""


def usable_cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


JobProgress = Callable[[int, int, "int | None", int], None]  # number of the job, then as Progress


def separate_all(
    separator: Separator,
    jobs: Sequence[Job],
    num_processes: int,
    progress: JobProgress,
    before_commit: Callable[[int], None],
) -> Generator[tuple[int, Result], None, None]:
    """Separates one song in this process, or several in others; yields the number and the result of each at its end.

    Args:
        num_processes: that work at the same time, at most.
        progress: called with the number of the job and what `Separator.separate_into` reports, some times a second.
        before_commit: called with the number of a job whose outputs are complete but not in place; AudioError fails it.

    Raises:
        BrokenPipeError: standard output, which a stem was written to, has been closed.
    """
    if len(jobs) == 1:
        yield 0, _separate_here(separator, jobs[0], functools.partial(progress, 0), lambda: before_commit(0))
    elif jobs:
        yield from _separate_apart(separator.model, jobs, min(len(jobs), num_processes), progress, before_commit)


def _separate_here(separator: Separator, job: Job, progress: Progress, before_commit: Callable[[], None]) -> Result:
    # Not the thread's own join, which after Ctrl-C takes a running thread for an ended one (Python 3.11).
    stop, ended, results = threading.Event(), threading.Event(), list[Result | BaseException]()

    def checked(done: int, total: int | None, sample_rate: int) -> None:
        if stop.is_set():
            raise _Stopped
        progress(done, total, sample_rate)

    def run() -> None:
        try:
            results.append(_separate(separator, job, checked, before_commit))
        except BaseException as error:  # BrokenPipeError for one
            results.append(error)
        finally:
            ended.set()

    threading.Thread(target=run, name="song", daemon=True).start()
    try:
        while not ended.wait(_TICK_S):
            pass
    except BaseException:
        stop.set()
        if not ended.wait(_PATIENCE_S):  # most likely nothing comes from standard input
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
                    with contextlib.suppress(OSError):  # its end is noticed above
                        worker.connection.send(answer)
                else:
                    worker.job = None
                    yield worker.number, value
    finally:
        for worker in workers:
            worker.connection.close()  # which is how it hears of it
        end = time.monotonic() + _PATIENCE_S
        for worker in workers:
            worker.process.join(max(0.0, end - time.monotonic()))
            worker.bury()


class _Worker:
    """A process that separates one song after the other.

    Attributes:
        job, number: in hand; job is None where there is none.
    """

    def __init__(self, model: Path):
        context = multiprocessing.get_context("spawn")  # a fork would have this process's locks, but not its threads
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_work, args=(theirs, model), daemon=True)
        self.process.start()
        theirs.close()
        self.job: Job | None = None
        self.number = 0

    def begin(self, number: int, job: Job) -> None:
        self.number, self.job = number, job
        with contextlib.suppress(OSError):  # it has ended, which is noticed when it is listened to
            self.connection.send(job)

    def bury(self) -> str:
        """Ends the process, clears what it has left, and says how it ended."""
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
    """The life of a worker: it ends when its connection is closed, and leaves signals to whoever started it."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    last = 0.0

    def progress(*numbers: int | None) -> None:
        nonlocal last
        if connection.poll():  # nobody sends anything now
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
            last = 0.0  # each song's first report comes, with its length
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
    except OSError as error:  # nobody listens any longer
        raise _Stopped from error


def _separate(separator: Separator, job: Job, progress: Progress, before_commit: Callable[[], None]) -> Result:
    """Separates a song; whatever goes wrong with it is in the result."""
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
    except Exception as error:  # a fault of ours, or of a library: of this song, not of the others
        return Result(f"{job.song}: unexpected {type(error).__name__}: {error}")


def _clear(job: Job, pid: int) -> None:
    """Removes the parts that a process has left of a job's outputs."""
    with contextlib.suppress(OSError):
        for folder in {output.path.parent for output in job.outputs if output.path != STANDARD}:
            for part in folder.glob(f".*.{pid}.part"):
                part.unlink(missing_ok=True)
