"""Batches of waveforms, drawn in processes of their own: for accelerators, which train faster than one process mixes.

The spectra are left to the device (`training.data.waveforms`): waveforms are a fourth of the bytes, and half of
the work. Processes write into memory that they share with the trainer's, row by row.
"""

from __future__ import annotations

import itertools
import signal
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_sep.spec import StreamSpec
from training.data.batches import PREFETCH, Arrays
from training.data.mixing import RandomMixer

NUM_SOURCES = 3  # vocals, accompaniment, noise floor


def waveform_batches(
    mixer: RandomMixer, batch_size: int, seed: int, workers: int, first_step: int = 0, prefetch: int = PREFETCH
) -> Iterator[tuple[Arrays]]:
    """Endless batches of the same excerpts as `training.data.batches.random_batches` draws, whatever number of workers.

    Args:
        mixer: source of excerpts.
        batch_size: B, rows of a batch.
        seed: with the step, all that a batch depends on.
        workers: processes, ≥ 1.
        first_step: number of the first batch.
        prefetch: batches that are ready or being made beside the one that is out, ≥ 1.

    Yields:
        (x,): `waveforms` (B, 3, C, S) of vocals, accompaniment and noise floor, S samples of a segment, and `curves`
        (B, 3, C, F), what their spectra are multiplied by.
    """
    if min(batch_size, workers, prefetch) < 1:
        raise ValueError(
            "batches: expected counts of at least 1. Received: "
            f"batch_size={batch_size}, workers={workers}, prefetch={prefetch}"
        )
    spec, processes = mixer.spec, get_context("spawn")
    sizes = [batch_size * int(np.prod(shape)) for shape in _shapes(spec, mixer.num_frames)]
    slots = [tuple(processes.RawArray("f", size) for size in sizes) for _ in range(prefetch + 1)]
    pool = ProcessPoolExecutor(workers, processes, initializer=_begin, initargs=(mixer, batch_size, slots))
    try:
        pending: deque[tuple[int, list[Future[None]]]] = deque()
        for step in itertools.count(first_step):
            slot = step % len(slots)
            rows = [pool.submit(_draw, slot, row, [seed, step, row]) for row in range(batch_size)]
            pending.append((slot, rows))
            if len(pending) > prefetch:
                slot, rows = pending.popleft()
                for drawn in rows:
                    drawn.result()
                # Copied: the slot is written again while a device may still read.
                waveforms, curves = (array.copy() for array in _arrays(slots[slot], batch_size, mixer))
                yield ({"waveforms": waveforms, "curves": curves},)
    finally:
        pool.shutdown(cancel_futures=True)


def end(batches: Iterator[Any]) -> None:
    """Ends what `waveform_batches` yields, and its processes, also where a thread of the backend draws ahead."""
    for _ in range(100):
        try:
            batches.close()  # type: ignore[attr-defined]
            return
        except ValueError:  # it is being drawn from
            time.sleep(0.1)


def _shapes(spec: StreamSpec, num_frames: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of one row's waveforms and curves."""
    samples = (num_frames - 1) * spec.frame_step + spec.frame_length
    return (NUM_SOURCES, spec.num_channels, samples), (NUM_SOURCES, spec.num_channels, spec.num_bins)


def _arrays(slot: Any, batch_size: int, mixer: RandomMixer) -> list[npt.NDArray[np.float32]]:
    shapes = _shapes(mixer.spec, mixer.num_frames)
    return [np.frombuffer(memory, np.float32).reshape(batch_size, *s) for memory, s in zip(slot, shapes, strict=True)]


# --- in the processes

_mixer: RandomMixer
_slots: list[list[npt.NDArray[np.float32]]]


def _begin(mixer: RandomMixer, batch_size: int, slots: list[Any]) -> None:
    global _mixer, _slots
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever draws from them ends them
    _mixer, _slots = mixer, [_arrays(slot, batch_size, mixer) for slot in slots]


def _draw(slot: int, row: int, seed: list[int]) -> None:
    excerpt = _mixer.draw(np.random.default_rng(seed))
    waveforms, curves = (array[row] for array in _slots[slot])
    for index, source in enumerate((excerpt.vocals, excerpt.accompaniment, excerpt.floor)):
        if source is None:
            waveforms[index] = curves[index] = 0.0
        else:
            waveforms[index], curves[index] = source.waveform, source.gains[:, None] * source.equaliser
