"""Batches of random segments for `fit`; no TensorFlow, so that every Keras backend can use them."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_sep.spec import StreamSpec
from training.mixing import RandomMixer, Segment
from training.stems import StemPool

Batch = tuple[np.ndarray, dict[str, np.ndarray]]


def stack(segments: list[Segment]) -> Batch:
    """x (B, T, F, C) and y by source, as `keras_sep.separation.Separation` takes them."""
    return np.stack([s.mixture for s in segments]), {
        "vocals": np.stack([s.vocals for s in segments]),
        "accompaniment": np.stack([s.accompaniment for s in segments]),
    }


def random_batches(
    mixer: RandomMixer, batch_size: int, seed: int, first_step: int = 0, workers: int = 1, prefetch: int = 6
) -> Iterator[Batch]:
    """Endless batches from `first_step` on; a batch is a function of (seed, step), so a resumed run goes on alike.

    Worker threads keep `prefetch` batches ready: NumPy and soxr let go of the interpreter lock.
    """

    def make(step: int) -> Batch:
        rng = np.random.default_rng([seed, step])
        return stack([mixer.draw(rng) for _ in range(batch_size)])

    with ThreadPoolExecutor(workers, thread_name_prefix="batches") as pool:
        ready = deque(pool.submit(make, first_step + i) for i in range(prefetch))
        for step in itertools.count(first_step + prefetch):
            ready.append(pool.submit(make, step))
            yield ready.popleft().result()


def validation_segments(pool: StemPool, spec: StreamSpec, num_frames: int, count: int) -> Batch:
    """A fixed set of plain mixtures, the same in every run, as one batch of `count`."""
    mixer = RandomMixer(pool, spec, num_frames, augment=False)
    rng = np.random.default_rng(20190512)
    return stack([mixer.draw(rng) for _ in range(count)])
