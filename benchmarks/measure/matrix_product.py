"""The speed of a matrix product at present, on this machine."""

from __future__ import annotations

import statistics
import time

import numpy as np

MATRIX = 512


def sgemm_gflops() -> tuple[float, float]:
    """Measures NumPy's product of two 512 × 512 float32 matrices, 20 times.

    It runs in one thread if the process was started with `isolated_call.ONE_THREAD`. The fastest product is the
    reference of the benchmarks. The median would not do: on a busy machine a product, several times as long as a step,
    is interrupted more often than a step is, and files would seem to surpass the peak.

    Returns:
        GFLOP/s (10⁹ operations per second) of the fastest product, and of the median one.
    """
    a = np.ones((MATRIX, MATRIX), np.float32)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return 2 * MATRIX**3 / min(times) / 1e9, 2 * MATRIX**3 / statistics.median(times) / 1e9
