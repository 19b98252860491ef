"""`make bench`: what the shipped files and `keras-sep separate` cost, beside a matrix product of the same minute.

Machines are shared and drift: every figure is a median over rounds that take turns with the reference,
one thread multiplying 512 × 512 float32 matrices. Compare ratios, not milliseconds.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from export.files import write_json
from keras_sep.presets import DEFAULT_PRESET, get_preset
from keras_sep.runtime import StepModel
from keras_sep.signal import StreamingStft

EXAMPLE = Path(__file__).parents[1] / "examples" / "lithium" / "mixture.flac"
ROUNDS, STEPS = 7, 400
MATRIX = 512


def benchmark(out: Path | None, long_minutes: int = 60) -> None:
    """Prints the tables; writes the figures to `out` as JSON."""
    # One thread for the reference, set before NumPy starts: so in a process of its own.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-c", "from export.benchmark import steps; steps()"]
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    figures: dict[str, Any] = json.loads(result.stdout)
    print(_step_table(figures), flush=True)
    with tempfile.TemporaryDirectory(prefix="keras-sep-bench-") as folder:
        figures["separate"] = _separate(Path(folder), long_minutes)
    if out:
        write_json(out, figures)


def steps() -> None:
    """Times single steps of every shipped file; prints JSON."""
    preset = get_preset(DEFAULT_PRESET)
    spec = preset.spec
    audio, _ = soundfile.read(EXAMPLE, dtype="float32", always_2d=True)
    count = len(audio) // spec.frame_step
    blocks = audio[: count * spec.frame_step].reshape(count, spec.frame_step, -1)
    magnitude = np.abs(StreamingStft(spec).push(audio))
    models = {f"{file.graph} {file.precision}": StepModel(file.path()) for file in preset.files}
    times: dict[str, list[list[float]]] = {name: [] for name in models}
    gflops = []
    for index in range(ROUNDS):
        gflops.append(_sgemm_gflops())
        for name, step in models.items():
            inputs = magnitude if step.graph == "mask" else blocks
            times[name].append(_time_steps(step, np.roll(inputs, -index * STEPS, axis=0)[:STEPS]))
    step_ms = 1000 * spec.frame_step / spec.sample_rate
    rows = {}
    for name, rounds in times.items():
        p50, p99, worst = (statistics.median(f(r) for r in rounds) for f in (_quantile(50), _quantile(99), max))
        rows[name] = {"p50_ms": p50, "p99_ms": p99, "worst_ms": worst, "share_of_real_time": p50 / step_ms}
    print(
        json.dumps(
            {"sgemm_gflops": statistics.median(gflops), "sgemm_range": [min(gflops), max(gflops)], "steps": rows}
        )
    )


def _time_steps(step: StepModel, inputs: np.ndarray) -> list[float]:
    step.reset()
    out = [np.empty(inputs[0].shape, np.float32) for _ in step.spec.sources]
    times = []
    for x in inputs:
        start = time.perf_counter()
        step(x, out)
        times.append(1000 * (time.perf_counter() - start))
    return times


def _sgemm_gflops() -> float:
    a = np.ones((MATRIX, MATRIX), np.float32)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return 2 * MATRIX**3 / statistics.median(times) / 1e9


def _quantile(percent: int) -> Any:
    return lambda values: float(np.percentile(values, percent))


def _step_table(figures: dict[str, Any]) -> str:
    low, high = figures["sgemm_range"]
    lines = [
        f"Reference: {figures['sgemm_gflops']:.0f} GFLOP/s ({low:.0f} to {high:.0f}) in one thread, float32.",
        "",
        f"| {DEFAULT_PRESET}, one thread | step p50 | p99 | worst | of real time | in matrix products of {MATRIX}³ |",
        "|---|---|---|---|---|---|",
    ]
    reference_ms = 2 * MATRIX**3 / figures["sgemm_gflops"] / 1e6
    for name, row in figures["steps"].items():
        lines.append(
            f"| {name} | {row['p50_ms']:.3f} ms | {row['p99_ms']:.3f} ms | {row['worst_ms']:.2f} ms "
            f"| {100 * row['share_of_real_time']:.1f} % | {row['p50_ms'] / reference_ms:.2f} |"
        )
    return "\n".join(lines)


def _separate(folder: Path, long_minutes: int) -> dict[str, Any]:
    """Whole-process time and peak memory of `keras-sep separate`."""
    figures: dict[str, Any] = {}
    second = _song(folder / "second.wav", 1)
    starts = [_run(second, folder)[0] for _ in range(5)]
    figures["cold_start_s"] = statistics.median(starts)
    song = _song(folder / "song.wav", 240)
    walls = [_run(song, folder)[0] for _ in range(5)]
    figures["real_time_factor"] = statistics.median(walls) / 240
    figures["times_real_time"] = sorted(240 / wall for wall in walls)
    minute = _song(folder / "minute.flac", 60)
    figures["peak_mb_1_minute"] = statistics.median(_run(minute, folder)[1] for _ in range(3))
    long = _song(folder / "long.flac", 60 * long_minutes)
    wall, figures[f"peak_mb_{long_minutes}_minutes"] = _run(long, folder)
    figures["times_real_time_long"] = 60 * long_minutes / wall
    speeds = figures["times_real_time"]
    print(
        f"\n| `keras-sep separate`, {os.cpu_count()} cores | median | range |\n|---|---|---|\n"
        f"| cold start: a 1 s file, whole process | {figures['cold_start_s']:.2f} s "
        f"| {min(starts):.2f} to {max(starts):.2f} |\n"
        f"| 4-minute song | {1 / figures['real_time_factor']:.0f} × real time | {speeds[0]:.0f} to {speeds[-1]:.0f} |\n"
        f"| {long_minutes}-minute song | {figures['times_real_time_long']:.0f} × real time | one run |\n"
        f"| peak memory, 1 minute | {figures['peak_mb_1_minute']:.0f} MB | |\n"
        f"| peak memory, {long_minutes} minutes | {figures[f'peak_mb_{long_minutes}_minutes']:.0f} MB | one run |",
        flush=True,
    )
    return figures


def _song(path: Path, seconds: int) -> Path:
    """The example, repeated."""
    audio, rate = soundfile.read(EXAMPLE, dtype="int16", always_2d=True)
    left = seconds * rate
    with soundfile.SoundFile(path, "w", rate, 2, subtype="PCM_16") as file:
        while left:
            file.write(audio[:left])
            left -= min(left, len(audio))
    return path


# The peak is asked of the process itself: what a parent sees of it includes the parent's own, from before exec.
_CHILD = """
import re, sys
from keras_sep.cli import main
status = main(sys.argv[1:])
print(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])
sys.exit(status)
"""


def _run(path: Path, folder: Path) -> tuple[float, float]:
    """Wall seconds and peak resident megabytes of one separation."""
    arguments = ["separate", str(path), "-o", str(folder / "stems"), "--overwrite", "--quiet"]
    start = time.perf_counter()
    result = subprocess.run([sys.executable, "-c", _CHILD, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return time.perf_counter() - start, int(result.stdout) / 1024
