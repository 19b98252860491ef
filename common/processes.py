"""A pool of processes that end with their parent, even where the parent is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

# Not "fork": every Keras backend starts threads, and a process with threads cannot safely be forked.
CONTEXT = multiprocessing.get_context("spawn")


@contextmanager
def process_pool(
    jobs: int, prepare: Callable[..., None] | None = None, *arguments: Any
) -> Iterator[ProcessPoolExecutor]:
    """Yields an executor whose processes end with the context.

    An exception in the context terminates them at once, in the middle of their work.

    Args:
        jobs: number of processes, ≥ 1.
        prepare: called with `arguments` in each process when it starts; a function at the top level of a module.
        arguments: of `prepare`.
    """
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, CONTEXT, initializer=_start, initargs=(prepare, *arguments))
    try:
        yield pool
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start(prepare: Callable[..., None] | None, *arguments: Any) -> None:
    """Prepares a new process: it leaves Ctrl-C to the parent, and ends when the parent has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    if prepare is not None:
        prepare(*arguments)
