"""Measuring in processes of their own: one file's steps follow each other, but songs and files do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from common.processes import CONTEXT, process_pool

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
    counter, seen = CONTEXT.Value("q", 0), 0
    try:
        with process_pool(jobs, _share, counter) as pool:
            futures = {pool.submit(_run, *task): key for key, task in tasks.items()}
            while futures:
                done, _ = wait(futures, timeout=0.2, return_when=FIRST_COMPLETED)
                total = counter.value
                advance(total - seen)
                seen = total
                for future in done:
                    yield futures.pop(future), future.result()
    except BrokenProcessPool as error:
        raise OSError("a measuring process died, perhaps for want of memory; go on with --jobs 1") from error


def count(steps: int) -> None:
    """Adds steps to what the parent shows."""
    with _steps.get_lock():
        _steps.value += steps


def _run(function: Callable, *args: Any) -> Any:
    try:
        return function(*args, count)
    except (ValueError, RuntimeError) as error:  # a file that a runtime refuses is a result; a mistake of ours is not
        return ValueError(str(error))


def _share(counter: Any) -> None:
    global _steps
    _steps = counter
