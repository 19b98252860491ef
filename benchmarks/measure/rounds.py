"""Single steps, timed in rounds that take turns: the matrix product, every file, every stream."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.measure.machine import sgemm_gflops
from benchmarks.measure.step_inputs import Array, blocks, empty_outputs, step_inputs
from benchmarks.peers.speech import Ours, Stream, load_peers
from common.step_files import open_step

WARM_UP = 10  # steps after the others had the caches; a stream has them to itself
MIN_STEPS, SECONDS = 100, 1.0


class Loop:
    """A step and what it is fed, round and round.

    Args:
        call: takes one input.
        inputs: (steps, …).
        most: steps a round.
    """

    def __init__(self, call: Callable[[Array], Any], inputs: Array, most: int):
        self._call, self._inputs, self._most = call, inputs, most
        self._next = 0
        self.rounds: list[list[float]] = []

    def time_round(self) -> None:
        """As many steps as a second holds, but `MIN_STEPS` of a slow one: a percentile needs them."""
        usual = statistics.median(self.time_step() for _ in range(WARM_UP))
        count = min(self._most, max(MIN_STEPS, int(1000 * SECONDS / usual)))
        self.rounds.append([self.time_step() for _ in range(count)])

    def figures(self) -> dict[str, float]:
        """Milliseconds, medians over rounds."""
        measures: dict[str, Callable[[list[float]], Any]] = {
            "p50_ms": np.median,
            "p99_ms": lambda times: np.percentile(times, 99),
            "worst_ms": max,
        }
        return {
            name: float(statistics.median(measure(times) for times in self.rounds))
            for name, measure in measures.items()
        }

    def time_step(self) -> float:
        """Milliseconds of the next step."""
        x = self._inputs[self._next]
        self._next = (self._next + 1) % len(self._inputs)
        start = time.perf_counter()
        self._call(x)
        return 1000 * (time.perf_counter() - start)


def measure_in_rounds(
    files: list[str], streamed: list[str], peers: str | None, rounds: int, most: int
) -> dict[str, Any]:
    """Everything in turn, in this process.

    Args:
        files: paths, of which single steps are timed.
        streamed: those that are also timed as streams, with all that a caller has to do; only where there are peers.
        peers: folder, or None.
        rounds: ≥ 1.
        most: steps of one thing in one round.

    Returns:
        sgemm_gflops: the reference, median over rounds; sgemm_range; sgemm_usual_gflops: of its median product;
        files: figures of each; streams: of ours, then of the peers, with name, sample_rate, num_channels and block.
    """
    loops = {path: file_loop(Path(path), most) for path in files}
    streams: dict[str, Stream] = {}
    if peers is not None:
        streams = {**{path: Ours(Path(path)) for path in streamed}, **load_peers(Path(peers))}
    stream_loops = {name: _stream_loop(stream, most) for name, stream in streams.items()}
    peaks, usual = [], []
    with tqdm(total=rounds * (len(loops) + len(streams)), unit="file", leave=False) as bar:
        for index in range(rounds):
            peak, median = sgemm_gflops()
            peaks.append(peak)
            usual.append(median)
            for name, loop in (*loops.items(), *stream_loops.items()):
                bar.set_description(f"round {index + 1} of {rounds}: {Path(name).name}")
                loop.time_round()
                bar.update()
    return {
        "sgemm_gflops": statistics.median(peaks),
        "sgemm_range": [min(peaks), max(peaks)],
        "sgemm_usual_gflops": statistics.median(usual),
        "files": [loop.figures() for loop in loops.values()],
        "streams": [
            {
                "name": name,
                **{key: getattr(streams[name], key) for key in ("sample_rate", "num_channels", "block")},
                **loop.figures(),
            }
            for name, loop in stream_loops.items()
        ],
    }


def file_loop(path: Path, most: int) -> Loop:
    """Steps of a file of ours on the example song."""
    step = open_step(path)
    inputs = step_inputs(step.graph, step.spec)
    out = empty_outputs(step)
    return Loop(lambda x: step(x, out), inputs, most)


def _stream_loop(stream: Stream, most: int) -> Loop:
    return Loop(stream, blocks(stream.sample_rate, stream.num_channels, stream.block), most)
