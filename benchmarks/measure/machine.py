"""The machine: what it is, and what one thread of it can do at present."""

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
    """Its processor and number of cores."""
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return f"{found[1] if found else platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def sgemm_gflops() -> tuple[float, float]:
    """10⁹ operations/s of NumPy's float32 matrix product: the fastest and the median; one thread if started so.

    The fastest is the reference: on a busy machine the median product, several times as long as a step, is
    interrupted when the median step is not, and files would seem to surpass the peak.
    """
    a = np.ones((MATRIX, MATRIX), np.float32)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return 2 * MATRIX**3 / min(times) / 1e9, 2 * MATRIX**3 / statistics.median(times) / 1e9
