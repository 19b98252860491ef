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
from training.data.excerpts import Excerpt, Segment
from training.data.mixing import RandomMixer
from training.data.stems import StemPool

Arrays = dict[str, np.ndarray]
Batch = tuple[np.ndarray, Arrays]
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


def assemble(excerpts: list[Excerpt]) -> Batch:
    """x (B, T, F, V) and y (B, T, F, C) by source, as `Separation` takes them."""
    first = excerpts[0]
    batch = Segment.empty((len(excerpts), first.num_frames), first.spec)
    for row, excerpt in enumerate(excerpts):
        excerpt.write(Segment(batch.mixture[row], batch.vocals[row], batch.accompaniment[row]))
    return batch.mixture, {"vocals": batch.vocals, "accompaniment": batch.accompaniment}


def random_batches(
    mixer: RandomMixer, batch_size: int, seed: int, first_step: int = 0, prefetch: int = PREFETCH
) -> Iterator[Batch]:
    """Endless batches from `first_step` on; a batch is a function of (seed, step), so a resumed run goes on alike.

    A thread keeps `prefetch` batches ready: NumPy and soxr let go of the interpreter lock.

    Args:
        mixer: draws the excerpts.
        batch_size: rows of a batch, ≥ 1.
        seed: ≥ 0; with the step, all that a batch depends on.
        first_step: number of the first batch.
        prefetch: batches that are ready or being made, ≥ 1.

    Yields:
        (x, y): x (B, T, F, V), and y, a dict of the sources' magnitudes (B, T, F, C).
    """
    if min(batch_size, prefetch) < 1:
        raise ValueError(
            f"batches: expected counts of at least 1. Received: batch_size={batch_size}, prefetch={prefetch}"
        )

    def make(step: int) -> Batch:
        return assemble([mixer.draw(np.random.default_rng([seed, step, row])) for row in range(batch_size)])

    thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
    try:
        ready: deque[Future[Batch]] = deque()
        for step in itertools.count(first_step):
            ready.append(thread.submit(make, step))
            if len(ready) > prefetch:
                yield ready.popleft().result()
    finally:
        thread.shutdown(wait=False, cancel_futures=True)


def validation_segments(pool: StemPool, spec: StreamSpec, num_frames: int, count: int) -> Batch:
    """A fixed set of plain mixtures, the same in every run, as one batch of `count`; see `RandomMixer.draw_plain`.

    The arrays take 4·T·F·(V + 2·C) bytes a segment: 11 MB with 448 frames at the defaults of `StreamSpec`.
    """
    mixer = RandomMixer(pool, spec, num_frames)
    return assemble([mixer.draw_plain(row) for row in range(count)])
