"""A pool of processes that ends with its parent, however that ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

# Spawned: a process that has threads, as every Keras backend has, cannot safely be forked.
CONTEXT = multiprocessing.get_context("spawn")


@contextmanager
def process_pool(
    jobs: int, prepare: Callable[..., None] | None = None, *arguments: Any
) -> Iterator[ProcessPoolExecutor]:
    """An executor of new processes, which end with the context; after an exception at once, what they do unfinished.

    Args:
        jobs: processes.
        prepare: called with `arguments` in each process when it starts; of a module that it can import.
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
    """Runs in a new process: leaves Ctrl-C to the parent, and ends the process where the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    if prepare is not None:
        prepare(*arguments)
