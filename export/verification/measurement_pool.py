"""A pool of processes that measure: the steps of a stream depend on each other, but songs and files do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from common.processes import CONTEXT, process_pool

_steps: Any = None  # the counter that all processes share


def measure_all(tasks: dict[Any, tuple], jobs: int, advance: Callable[[int], None]) -> Iterator[tuple[Any, Any]]:
    """Runs functions in other processes.

    Args:
        tasks: by key, a function and its arguments; it gets `count` as a last argument. The function's module should
            not import TensorFlow, or every process would.
        jobs: number of processes, ≥ 1.
        advance: called in this process, several times a second, with the steps counted since the last call.

    Yields:
        (key, result), as the functions return; the result is a ValueError if one, or a RuntimeError, was raised.

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
        raise OSError("a measuring process died, perhaps for lack of memory; continue with --jobs 1") from error


def count(steps: int) -> None:
    """Adds steps to the progress that the parent shows."""
    with _steps.get_lock():
        _steps.value += steps


def _run(function: Callable, *args: Any) -> Any:
    try:
        return function(*args, count)
    except (ValueError, RuntimeError) as error:  # the runtime refuses the file: a result; other errors are ours
        return ValueError(str(error))


def _share(counter: Any) -> None:
    global _steps
    _steps = counter
