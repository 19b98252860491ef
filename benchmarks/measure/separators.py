"""The cost of our shipped files and of the networks of published separators, timed in turn in one process."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure.isolated_call import isolated_call
from benchmarks.measure.matrix_product import sgemm_gflops
from benchmarks.measure.rounds import file_loop
from benchmarks.measure.step_inputs import random_input
from benchmarks.peers.separators import NAMES, convert_separators
from benchmarks.tables.file_tables import number, reference_line
from common.document import require_markers, write_between_markers
from common.machine import machine
from common.markdown import table
from common.step_files import open_step
from keras_sep import runtime
from keras_sep.presets import DEFAULT_PRESET, presets

STEPS, CALLS = 500, 3  # of our files and of their networks in a round; one call of theirs covers seconds of audio
NOTES = (
    "The networks of Spleeter and Open-Unmix are built from their papers in their published sizes, with random "
    "weights, and converted alike. They take a network a stem: parameters, MB, time and memory are those of two; if "
    "the accompaniment is what the vocals leave, one is enough. Network: without the Fourier transforms, which the "
    "caller does; whole: with them. Relative to the default preset's preferred file of the same kind. Peak memory: "
    "added by loading and one call, of 11.9 s of audio for Spleeter, 3 s for Open-Unmix, a step for ours. Latency: "
    "the audio that must be there before its beginning is separated."
)


def measure_separators(cache: Path, rounds: int, write: Path | None) -> str:
    """Measures every shipped file and every network of `benchmarks.peers.separators`.

    Args:
        cache: folder that keeps the converted networks.
        rounds: number of rounds in which all take turns, ≥ 1.
        write: document with the markers separators: begin and end, or None.

    Returns:
        A reference line, the table and its notes in Markdown.

    Raises:
        ValueError: `rounds` is below 1, or the document lacks the markers.
    """
    if rounds < 1:
        raise ValueError(f"--rounds: expected at least 1. Received: {rounds}")
    if write:
        require_markers(write, "separators")
    print("converting Spleeter and Open-Unmix, unless they are in the cache", file=sys.stderr, flush=True)
    theirs = isolated_call(convert_separators, str(cache), one_thread=False)
    rows = [*_ours(), *({"label": NAMES[row["name"]], "scope": "network", **row} for row in theirs)]
    timed = isolated_call(time_in_turn, rows, rounds)
    for row, milliseconds in zip(rows, timed.pop("ms_per_second"), strict=True):
        row["ms_per_second"] = milliseconds
        row["peak_mb"] = isolated_call(peak_memory, row)
    text = f"{reference_line({**timed, 'machine': machine()})}\n\n{separator_table(rows)}\n\n{NOTES}"
    if write:
        write_between_markers(write, "separators", text)
    return text


def separator_table(rows: list[dict[str, Any]]) -> str:
    """Formats a Markdown table, one row a file.

    Relative times refer to the default preset's preferred file of the same scope: "whole", or "network" for the network
    without its transforms.
    """
    default: dict[str, float] = {}
    for row in rows:
        if row["label"] == DEFAULT_PRESET:
            default.setdefault(row["scope"], row["ms_per_second"])
    heads = ["separator, one thread", "measured", "precision", "parameters", "MB", "ms of a core per s of audio"]
    heads += [f"relative to {DEFAULT_PRESET}", "peak memory MB", "latency"]
    cells = [
        [
            row["label"],
            row["scope"],
            row["precision"],
            f"{row['networks'] * row['parameters'] / 1e6:.2f} M",
            number(row["networks"] * Path(row["path"]).stat().st_size / 1e6, 1),
            number(row["ms_per_second"], 1),
            number(row["ms_per_second"] / default[row["scope"]], 2),
            number(row["peak_mb"], 0),
            row["latency"],
        ]
        for row in rows
    ]
    return table(heads, cells)


def _ours() -> list[dict[str, Any]]:
    rows = []
    for preset in sorted(presets().values(), key=lambda preset: preset.name != DEFAULT_PRESET):
        spec = preset.spec
        for file in preset.candidates():
            rows.append(
                {
                    "label": preset.name,
                    "scope": "whole" if file.graph == "waveform" else "network",
                    "name": "",
                    "precision": file.precision,
                    "path": str(file.path()),
                    "parameters": preset.parameters,
                    "networks": 1,
                    "seconds": spec.frame_step / spec.sample_rate,
                    "latency": f"{1000 * spec.algorithmic_latency / spec.sample_rate:.1f} ms",
                }
            )
    return rows


def time_in_turn(rows: list[dict[str, Any]], rounds: int) -> dict[str, Any]:
    """Times our files and their networks in turn, in this process.

    Args:
        rows: one dict a file, with path, name ("" for a file of ours), networks and seconds.
        rounds: number of rounds, ≥ 1.

    Returns:
        ms_per_second: for each row, the median compute time of a second of stereo audio; sgemm_gflops,
        sgemm_usual_gflops and sgemm_range: the reference, as of `measure_in_rounds`.
    """
    loops = {row["path"]: file_loop(Path(row["path"]), STEPS) for row in rows if not row["name"]}
    calls = {row["path"]: separator_call(row["path"]) for row in rows if row["name"]}
    times: dict[str, list[float]] = {path: [] for path in calls}
    peaks, usual = [], []
    for _ in range(rounds):
        peak, median = sgemm_gflops()
        peaks.append(peak)
        usual.append(median)
        for loop in loops.values():
            loop.time_round()
        for path, call in calls.items():
            call()  # untimed: the caches hold the data of the one before
            for _ in range(CALLS):
                start = time.perf_counter()
                call()
                times[path].append(1000 * (time.perf_counter() - start))
    medians = {path: loop.figures()["p50_ms"] for path, loop in loops.items()}
    medians |= {path: float(np.median(values)) for path, values in times.items()}
    return {
        "ms_per_second": [row["networks"] * medians[row["path"]] / row["seconds"] for row in rows],
        "sgemm_gflops": float(np.median(peaks)),
        "sgemm_range": [min(peaks), max(peaks)],
        "sgemm_usual_gflops": float(np.median(usual)),
    }


def separator_call(path: str) -> Callable[[], Any]:
    """Opens a network of theirs in one thread; returns a function that runs it on one and the same patch of noise."""
    interpreter = runtime._interpreter_class()(model_path=path, num_threads=1)
    runner = interpreter.get_signature_runner("step")
    ((name, details),) = runner.get_input_details().items()
    magnitude = np.random.default_rng(0).random(details["shape"], np.float32)
    return lambda: runner(**{name: magnitude})


def peak_memory(row: dict[str, Any]) -> float | None:
    """Measures the peak memory in MB that a row adds to this process: all of its networks loaded and called once.

    Call it in a new process. Returns None outside Linux.
    """
    runtime._interpreter_class()  # the runtime itself is not counted
    before = _high_water_mb()
    if row["name"]:
        calls = [separator_call(row["path"]) for _ in range(row["networks"])]
    else:
        step = open_step(Path(row["path"]))
        calls = [lambda: step(random_input(step))]
    for call in calls:
        call()
    after = _high_water_mb(reset=False)
    return None if before is None or after is None else after - before


def _high_water_mb(reset: bool = True) -> float | None:
    """Returns the highest resident memory of this process in MB, or None outside Linux; `reset` starts it anew."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"VmHWM:\s*(\d+)", status)
    return int(found[1]) / 1024 if found else None
