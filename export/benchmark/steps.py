"""Single steps, timed in rounds that take turns: the matrix product, every file, every stream."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from export.benchmark.example import Array, blocks, step_inputs
from export.benchmark.load import load
from export.benchmark.peers import Ours, Stream, load_peers

MATRIX = 512
WARM_UP = 10  # steps after the others had the caches; a stream has them to itself
MIN_STEPS, MAX_STEPS, SECONDS = 100, 1000, 1.0


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
        usual = statistics.median(self._time() for _ in range(WARM_UP))
        count = min(self._most, max(MIN_STEPS, int(1000 * SECONDS / usual)))
        self.rounds.append([self._time() for _ in range(count)])

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

    def _time(self) -> float:
        x = self._inputs[self._next]
        self._next = (self._next + 1) % len(self._inputs)
        start = time.perf_counter()
        self._call(x)
        return 1000 * (time.perf_counter() - start)


def measure(files: list[str], streamed: list[str], peers: str | None, rounds: int, most: int) -> dict[str, Any]:
    """Everything in turn, in this process.

    Args:
        files: paths, of which single steps are timed.
        streamed: those that are also timed as streams, with all that a caller has to do; only beside peers.
        peers: folder, or None.
        rounds: ≥ 1.
        most: steps of one thing in one round.

    Returns:
        sgemm_gflops: the reference, median over rounds; sgemm_range; sgemm_usual_gflops: of its median product;
        files: figures of each; streams: of ours, then of the peers, with name, sample_rate, num_channels and block.
    """
    loops = {path: _file_loop(Path(path), most) for path in files}
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


def _file_loop(path: Path, most: int) -> Loop:
    step = load(path)
    inputs = step_inputs(step.graph, step.spec)
    out = [np.empty(inputs[0].shape, np.float32) for _ in step.spec.sources]
    return Loop(lambda x: step(x, out), inputs, most)


def _stream_loop(stream: Stream, most: int) -> Loop:
    return Loop(stream, blocks(stream.sample_rate, stream.num_channels, stream.block), most)


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
