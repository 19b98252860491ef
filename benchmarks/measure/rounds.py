"""Time of single steps, measured in rounds: in each, the matrix product, every file and every stream take a turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.measure.matrix_product import sgemm_gflops
from benchmarks.measure.step_inputs import Array, blocks, empty_outputs, step_inputs
from benchmarks.peers.speech import Ours, Stream, load_peers
from common.step_files import open_step

WARM_UP = 10  # untimed steps at the start of a turn: the caches still hold the data of the one before
MIN_STEPS, SECONDS = 100, 1.0  # of a turn: about a second, but enough steps for a percentile


class Loop:
    """A step that is timed on its inputs over and over.

    Args:
        call: the step; takes one input.
        inputs: (steps, …); after the last comes the first again.
        most: most steps in a round.
    """

    def __init__(self, call: Callable[[Array], Any], inputs: Array, most: int):
        self._call, self._inputs, self._most = call, inputs, most
        self._next = 0
        self.rounds: list[list[float]] = []

    def time_round(self) -> None:
        """Times the steps of one round: as many as fit into a second, at least `MIN_STEPS`, at most `most`."""
        usual = statistics.median(self.time_step() for _ in range(WARM_UP))
        count = min(self._most, max(MIN_STEPS, int(1000 * SECONDS / usual)))
        self.rounds.append([self.time_step() for _ in range(count)])

    def figures(self) -> dict[str, float]:
        """Returns p50_ms, p99_ms and worst_ms of a step, each the median over the rounds."""
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
        """Runs the next step and returns its time in ms."""
        x = self._inputs[self._next]
        self._next = (self._next + 1) % len(self._inputs)
        start = time.perf_counter()
        self._call(x)
        return 1000 * (time.perf_counter() - start)


def measure_in_rounds(
    files: list[str], streamed: list[str], peers: str | None, rounds: int, most: int
) -> dict[str, Any]:
    """Times files and streams in turn, in this process.

    Args:
        files: paths of the files whose single steps are timed.
        streamed: paths of the files that are also timed as streams, with the transforms that a caller of the mask core
            does; they are only compared with peers, so without peers they are ignored.
        peers: folder for `load_peers`, or None.
        rounds: number of rounds, ≥ 1.
        most: most steps of one file or stream in a round, ≥ 1.

    Returns:
        sgemm_gflops: the reference, the median over the rounds of the fastest product; sgemm_range: its lowest and
        highest; sgemm_usual_gflops: the same of the median product; files: figures of each in the order of `files`;
        streams: figures of our files, then of the peers, each with name, sample_rate, num_channels and block.
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
    """Builds the loop that times the steps of a file of ours on the example song."""
    step = open_step(path)
    inputs = step_inputs(step.graph, step.spec)
    out = empty_outputs(step)
    return Loop(lambda x: step(x, out), inputs, most)


def _stream_loop(stream: Stream, most: int) -> Loop:
    return Loop(stream, blocks(stream.sample_rate, stream.num_channels, stream.block), most)
