"""Measuring in processes of their own: one file's steps follow each other, but songs and files do not."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

_steps: Any = None  # of this process: the counter that all share


def measure_all(tasks: dict[Any, tuple], jobs: int, advance: Callable[[int], None]) -> Iterator[tuple[Any, Any]]:
    """Runs functions in other processes.

    Args:
        tasks: by key, a function of a module that knows no TensorFlow and its arguments; it gets `count` as a last one.
        jobs: processes.
        advance: called now and then, here, with what they counted since.

    Yields:
        (key, result or the ValueError that it raised), as they end.

    Raises:
        OSError: a process died.
    """
    # Spawned: a process that has threads, as TensorFlow's has, cannot safely be forked.
    context = multiprocessing.get_context("spawn")
    counter, seen = context.Value("q", 0), 0
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, context, initializer=_start, initargs=(counter,))
    try:
        futures = {pool.submit(_run, *task): key for key, task in tasks.items()}
        while futures:
            done, _ = wait(futures, timeout=0.2, return_when=FIRST_COMPLETED)
            total = counter.value
            advance(total - seen)
            seen = total
            for future in done:
                yield futures.pop(future), future.result()
    except BaseException as error:
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        if isinstance(error, BrokenProcessPool):
            raise OSError("a measuring process died, perhaps for want of memory; go on with --jobs 1") from error
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def count(steps: int) -> None:
    with _steps.get_lock():
        _steps.value += steps


def _run(function: Callable, *args: Any) -> Any:
    try:
        return function(*args, count)
    except (ValueError, RuntimeError) as error:  # a file that a runtime refuses is a result; a mistake of ours is not
        return ValueError(str(error))


def _start(counter: Any) -> None:
    """In a new process: Ctrl-C is the parent's to hear, and where the parent is killed the process ends too."""
    global _steps
    _steps = counter
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
