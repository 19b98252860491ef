"""What a file takes before and beside its steps: time to load, memory, and how much it multiplies."""

from __future__ import annotations

import re
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from export.benchmark.load import interpreter_class, load
from export.benchmark.macs import multiplications

STEPS, LOADS = 20, 7


def footprint(path: str) -> dict[str, Any]:
    """Of one file, in a process that has run no other.

    Returns:
        load_ms: median from path to ready step, the file being in the system's cache; rss_mb: resident memory
        that loading and running adds to Python and the imported runtime, None outside Linux; macs: a step.
    """
    file = Path(path)
    if file.suffix == ".onnx":
        import onnxruntime  # noqa: F401
    else:
        interpreter_class()
    file.read_bytes()
    before = _resident_mb()
    step = load(file)
    rng, spec = np.random.default_rng(0), step.spec
    shape = (spec.num_bins if step.graph == "mask" else spec.frame_step, spec.num_channels)
    x, out = rng.random(shape, np.float32), [np.empty(shape, np.float32) for _ in spec.sources]
    for _ in range(STEPS):
        step(x, out)
    after = _resident_mb()
    times = []
    for _ in range(LOADS):
        start = time.perf_counter()
        load(file)
        times.append(1000 * (time.perf_counter() - start))
    return {
        "load_ms": statistics.median(times),
        "rss_mb": None if before is None or after is None else after - before,
        "macs": multiplications(file),
    }


def _resident_mb() -> float | None:
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"VmRSS:\s*(\d+)", status)
    return int(found[1]) / 1024 if found else None
