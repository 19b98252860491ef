"""The batches of random segments for `fit`, made without TensorFlow, so that every Keras backend can use them."""

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
PREFETCH = 3  # batches; a batch of 4 segments of 5.2 s takes 44 MB


class WaitClock:
    """A clock of the seconds that the consumer of `timed` has waited for batches."""

    def __init__(self):
        self.seconds = 0.0

    def timed(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Passes batches on and counts the waiting; a generator, because `fit` takes no other iterator."""
        with closing(batches):  # type: ignore[type-var]
            while True:
                begin = time.monotonic()
                batch = next(batches)
                self.seconds += time.monotonic() - begin
                yield batch


def assemble(excerpts: list[Excerpt]) -> Batch:
    """Computes the magnitudes of excerpts as a batch for `Separation`.

    Args:
        excerpts: one or more, of one spec and one number of frames.

    Returns:
        (x, y): x, views of the mixtures (B, T, F, V); y, magnitudes (B, T, F, C) by source. Linear, ≥ 0.
    """
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
    """Yields batches from `first_step` on, without end; finish it with `end`.

    A batch depends only on `seed` and its step, so that a resumed run sees the same batches. A thread keeps `prefetch`
    batches ready; it runs beside `fit`, because NumPy and soxr release the interpreter lock. With `workers`, processes
    draw the excerpts, and `prefetch` threads compute the spectra.

    Args:
        mixer: draws the excerpts.
        batch_size: segments of a batch, ≥ 1.
        seed: ≥ 0.
        first_step: number of the first batch, ≥ 0.
        prefetch: number of batches that are ready or being made, ≥ 1.
        workers: number of processes that draw; 0 for none.
        rows: rows of each batch that are made; None for all.

    Yields:
        (x, y): x, views of the mixtures (B, T, F, V); y, magnitudes (B, T, F, C) by source. Linear, ≥ 0.

    Raises:
        ValueError: a number is out of range.
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
            # While the consumer waits, one batch more than `prefetch` is in the making.
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
    """Closes a generator of `random_batches` and its processes, even while a thread of the backend reads from it."""
    for _ in range(100):
        try:
            batches.close()  # type: ignore[attr-defined]
            return
        except ValueError:  # another thread is reading from it
            time.sleep(0.1)


def validation_segments(pool: StemPool, spec: StreamSpec, num_frames: int, count: int) -> Batch:
    """Computes a fixed set of mixtures without effects, the same in every run, as one batch.

    Args:
        pool: recordings of the validation split.
        spec: stream format.
        num_frames: frames T of a segment, ≥ 1.
        count: number of segments, ≥ 1; see `RandomMixer.draw_plain`.

    Returns:
        (x, y) as of `assemble`. A segment takes 4·T·F·(V + 2·C) bytes: 11 MB for 448 frames at the defaults of
        `StreamSpec`.
    """
    mixer = RandomMixer(pool, spec, num_frames)
    return assemble([mixer.draw_plain(row) for row in range(count)])
