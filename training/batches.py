"""Batches of random segments for `fit`; no TensorFlow, so that every Keras backend can use them."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

import numpy as np

from keras_sep.spec import StreamSpec
from training.excerpts import Excerpt, Segment
from training.mixing import RandomMixer
from training.stems import StemPool

Arrays = dict[str, np.ndarray]
Batch = tuple[np.ndarray | Arrays, Arrays]
PREFETCH = 3  # batches; one of 4 segments of 5.2 s takes 44 MB


class WaitClock:
    """Seconds that the consumer of `timed` has waited."""

    def __init__(self):
        self.seconds = 0.0

    def timed(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Passes batches on; a generator, because `fit` takes no other iterator."""
        with closing(batches):  # type: ignore[type-var]
            while True:
                begin = time.monotonic()
                batch = next(batches)
                self.seconds += time.monotonic() - begin
                yield batch


def assemble(excerpts: list[Excerpt], part: int = 0) -> tuple[np.ndarray, Arrays]:
    """Segment number `part` of each excerpt: x (B, T, F, C) and y by source, as `Separation` takes them."""
    first = excerpts[0]
    shape = (len(excerpts), first.num_frames, first.spec.num_bins, first.spec.num_channels)
    batch = Segment.empty(shape)
    for row, excerpt in enumerate(excerpts):
        excerpt.write(part, Segment(batch.mixture[row], batch.vocals[row], batch.accompaniment[row]))
    return batch.mixture, {"vocals": batch.vocals, "accompaniment": batch.accompaniment}


def random_batches(
    mixer: RandomMixer,
    batch_size: int,
    seed: int,
    first_step: int = 0,
    workers: int = 1,
    prefetch: int = PREFETCH,
    consecutive: int = 1,
) -> Iterator[Batch]:
    """Endless batches from `first_step` on; a batch is a function of (seed, step), so a resumed run goes on alike.

    Worker threads keep `prefetch` batches ready: NumPy and soxr let go of the interpreter lock. Beside
    these batches, memory holds the waveforms of at most ceil(prefetch / consecutive) + 1 groups.

    Args:
        mixer: draws the excerpts.
        batch_size: rows of a batch.
        seed: ≥ 0; with the step, all that a batch depends on.
        first_step: number of the first batch.
        workers: threads, ≥ 1.
        prefetch: batches that are ready or being made, ≥ 1.
        consecutive: K ≥ 1. Steps g·K … g·K + K − 1 are one group: row by row, the frames of a batch
            follow those of the batch before.

    Yields:
        (x, y): x (B, T, F, C) with K = 1; with K > 1 a dict of `magnitude` (B, T, F, C) and `carry` (B,)
        float32, 0 where a row begins an excerpt and 1 where it continues the row of the batch before.
        y: a dict of the sources' magnitudes.
    """
    if min(batch_size, workers, prefetch, consecutive) < 1:
        raise ValueError(
            "batches: expected counts of at least 1. Received: "
            f"batch_size={batch_size}, workers={workers}, prefetch={prefetch}, consecutive={consecutive}"
        )

    def draw(group: int) -> list[Excerpt]:
        return [mixer.draw(np.random.default_rng([seed, group, row]), consecutive) for row in range(batch_size)]

    def make(drawn: Future[list[Excerpt]], part: int) -> Batch:
        # No deadlock with one worker: a group is handed in before its parts, and threads take them in order.
        x, y = assemble(drawn.result(), part)
        if consecutive == 1:
            return x, y
        return {"magnitude": x, "carry": np.full(batch_size, float(part > 0), np.float32)}, y

    threads = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    try:
        ready: deque[Future[Batch]] = deque()
        drawn: Future[list[Excerpt]] | None = None
        for step in itertools.count(first_step):
            group, part = divmod(step, consecutive)
            if part == 0 or drawn is None:
                drawn = threads.submit(draw, group)
            ready.append(threads.submit(make, drawn, part))
            if len(ready) > prefetch:
                yield ready.popleft().result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def validation_segments(pool: StemPool, spec: StreamSpec, num_frames: int, count: int) -> tuple[np.ndarray, Arrays]:
    """A fixed set of plain mixtures, the same in every run, as one batch of `count`; see `RandomMixer.draw_plain`.

    The arrays take 12·T·F·C bytes a segment: 11 MB with 448 frames at the defaults of `StreamSpec`.
    """
    mixer = RandomMixer(pool, spec, num_frames)
    batch = Segment.empty((count, num_frames, spec.num_bins, spec.num_channels))
    for row in range(count):
        segment = Segment(batch.mixture[row], batch.vocals[row], batch.accompaniment[row])
        mixer.draw_plain(row).write(0, segment)
    return batch.mixture, {"vocals": batch.vocals, "accompaniment": batch.accompaniment}
