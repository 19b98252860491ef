"""Batches of random segments for `fit`; no TensorFlow, so that every Keras backend can use them."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import numpy as np

from keras_sep.spec import StreamSpec
from training.data.drawing_processes import Seed, drawing_processes
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
    mixer: RandomMixer,
    batch_size: int,
    seed: int,
    first_step: int = 0,
    prefetch: int = PREFETCH,
    workers: int = 0,
    rows: range | None = None,
) -> Iterator[Batch]:
    """Endless batches from `first_step` on; a batch is a function of (seed, step), so a resumed run goes on alike.

    A thread keeps `prefetch` batches ready, as NumPy and soxr release the interpreter lock. With `workers`, processes
    draw the excerpts, and as many threads as batches are being made take their spectra. End it with `end`.

    Args:
        mixer: draws the excerpts.
        batch_size: rows of a batch, ≥ 1.
        seed: ≥ 0; with the step, all that a batch depends on.
        first_step: number of the first batch.
        prefetch: batches that are ready or being made, ≥ 1.
        workers: processes that draw; 0 for none.
        rows: of each batch, to make these alone; None for all.

    Yields:
        (x, y): x (B, T, F, V), and y, a dict of the sources' magnitudes (B, T, F, C).
    """
    if min(batch_size, prefetch) < 1 or workers < 0:
        raise ValueError(
            "batches: expected counts of at least 1, and no fewer than 0 workers. Received: "
            f"batch_size={batch_size}, prefetch={prefetch}, workers={workers}"
        )
    rows = rows or range(batch_size)
    with ExitStack() as stack:
        draw = _draw_here(mixer)
        if workers:
            # One batch more than `prefetch` is being made while the next one is waited for.
            draw = stack.enter_context(drawing_processes(mixer, workers, (prefetch + 1) * len(rows)))

        def make(step: int) -> Batch:
            first = step % (prefetch + 1) * len(rows)
            return assemble(draw(first, [[seed, step, row] for row in rows]))

        threads = ThreadPoolExecutor(prefetch if workers else 1, thread_name_prefix="batches")
        stack.callback(threads.shutdown, wait=False, cancel_futures=True)
        ready: deque[Future[Batch]] = deque()
        for step in itertools.count(first_step):
            ready.append(threads.submit(make, step))
            if len(ready) > prefetch:
                yield ready.popleft().result()


def _draw_here(mixer: RandomMixer) -> Callable[[int, list[Seed]], list[Excerpt]]:
    return lambda first, seeds: [mixer.draw(np.random.default_rng(seed)) for seed in seeds]


def end(batches: Iterator[Any]) -> None:
    """Ends what `random_batches` yields, and its processes, also while a thread of the backend draws from it."""
    for _ in range(100):
        try:
            batches.close()  # type: ignore[attr-defined]
            return
        except ValueError:  # it is being drawn from
            time.sleep(0.1)


def validation_segments(pool: StemPool, spec: StreamSpec, num_frames: int, count: int) -> Batch:
    """A fixed set of plain mixtures, the same in every run, as one batch of `count`; see `RandomMixer.draw_plain`.

    The arrays take 4·T·F·(V + 2·C) bytes a segment: 11 MB with 448 frames at the defaults of `StreamSpec`.
    """
    mixer = RandomMixer(pool, spec, num_frames)
    return assemble([mixer.draw_plain(row) for row in range(count)])
