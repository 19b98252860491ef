"""The cost of a file besides the time of its steps: time to load, memory, multiplications."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.measure.macs import multiplications
from benchmarks.measure.step_inputs import empty_outputs, random_input
from common.memory import resident_mb
from common.step_files import open_step
from keras_sep import runtime

STEPS, LOADS = 20, 7


def footprint(path: str) -> dict[str, Any]:
    """Measures the footprint of one file; call it in a process that has run no other, for the memory to be the file's.

    Returns:
        load_ms: median time to open the file, which the system's cache holds already. rss_mb: resident memory that
        loading and running add to Python and the imported runtime; None outside Linux. macs: multiply-accumulates of a
        step; None where they cannot be counted.
    """
    file = Path(path)
    if file.suffix == ".onnx":
        import onnxruntime  # noqa: F401
    else:
        runtime._interpreter_class()
    file.read_bytes()
    before = resident_mb()
    step = open_step(file)
    x, out = random_input(step), empty_outputs(step)
    for _ in range(STEPS):
        step(x, out)
    after = resident_mb()
    times = []
    for _ in range(LOADS):
        start = time.perf_counter()
        open_step(file)
        times.append(1000 * (time.perf_counter() - start))
    return {
        "load_ms": statistics.median(times),
        "rss_mb": None if before is None or after is None else after - before,
        "macs": multiplications(file),
    }
