"""The machine: its processor, and the speed of a matrix product at present."""

from __future__ import annotations

import os
import platform
import re
import statistics
import time
from pathlib import Path

import numpy as np

MATRIX = 512


def machine() -> str:
    """Returns the processor's name and the number of cores, such as "AMD EPYC 7B13, 2 cores"."""
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return f"{found[1] if found else platform.processor() or platform.machine()}, {os.cpu_count()} cores"


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
