"""Scoring in processes of their own, because museval uses one core and is slow; or, without any, in this one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from common.processes import process_pool
from training.evaluation.metrics import Values, bss_eval, bss_eval_window

# Of each process, read when it starts: one thread of linear algebra; and memory that glibc keeps, because giving every
# large array back to the system at once took a third of museval's time.
ENVIRONMENT = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ENVIRONMENT |= {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(8 << 30), "MALLOC_TOP_PAD_": str(256 << 20)}


def score_window(path: Path, protocol: str, part: slice, sample_rate: int) -> dict[str, Values]:
    """BSS Eval of a stretch of the signals in a file.

    Args:
        path: .npy of (references, then estimates; samples; channels).
        protocol: v4, whose frames of one stretch share a filter, or v3, for which the stretch is one window.
    """
    signals = np.load(path, mmap_mode="r")[:, part]
    if protocol == "v4":
        return bss_eval(signals[:2], signals[2:], sample_rate, protocol)
    return bss_eval_window(signals[:2], signals[2:], sample_rate)


class _InThisProcess(Executor):
    """Runs what is submitted before `submit` returns."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def processes(jobs: int) -> Iterator[Executor]:
    """Scoring processes, which end with the context, however it ends; with 0 jobs this process does the scoring."""
    if not jobs:
        yield _InThisProcess()
        return
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    try:
        with process_pool(jobs) as pool:
            yield pool
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
