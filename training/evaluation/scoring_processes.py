"""A pool of processes for scoring, because museval is slow and uses one core."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from common.processes import process_pool
from keras_sep.environment import variables_set
from training.evaluation.metrics import Values, bss_eval, bss_eval_window

# A process reads these when it starts. One thread of linear algebra; and glibc keeps freed memory, because returning
# every large array to the system at once took a third of museval's time.
ENVIRONMENT = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ENVIRONMENT |= {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(8 << 30), "MALLOC_TOP_PAD_": str(256 << 20)}


def score_window(path: Path, protocol: str, part: slice, sample_rate: int) -> dict[str, Values]:
    """Computes BSS Eval of a part of the signals in a file.

    Args:
        path: .npy file (4, samples, channels): both references, then both estimates.
        protocol: "v4", in which all frames of the part share a filter, or "v3", for which the part is one window.
        part: samples.
        sample_rate: Hz.
    """
    signals = np.load(path, mmap_mode="r")[:, part]
    if protocol == "v4":
        return bss_eval(signals[:2], signals[2:], sample_rate, protocol)
    return bss_eval_window(signals[:2], signals[2:], sample_rate)


class _InThisProcess(Executor):
    """An executor that runs a function before `submit` returns."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def processes(jobs: int) -> Iterator[Executor]:
    """Yields an executor with `jobs` scoring processes, which end with the context; 0 scores in this process."""
    if not jobs:
        yield _InThisProcess()
        return
    with variables_set(ENVIRONMENT), process_pool(jobs) as pool:
        yield pool
