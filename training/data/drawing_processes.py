"""A pool of processes that draw excerpts, for accelerators, which train faster than one thread mixes.

Waveforms come back in memory that the processes share with the training process; equalisers and gains, which are small,
are sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from common.processes import CONTEXT, process_pool
from training.data.excerpts import Excerpt, Source
from training.data.mixing import RandomMixer

Seed = list[int]
Facts = tuple[int, npt.NDArray[np.float32], npt.NDArray[np.float32]]  # a source's channels, equaliser, gains
NUM_SOURCES = 3  # vocals, accompaniment, noise floor


@contextmanager
def drawing_processes(
    mixer: RandomMixer, workers: int, places: int
) -> Iterator[Callable[[int, list[Seed]], list[Excerpt]]]:
    """Yields a function that draws excerpts in other processes, which end with the context.

    Args:
        mixer: draws the excerpts; every process has a copy.
        workers: number of processes, ≥ 1.
        places: number of excerpts that the shared memory holds at once.

    Yields:
        `draw(first, seeds)`, which returns an excerpt for each seed, the same as `mixer` draws from it. The waveforms
        are views of the places from `first` on, valid until a later call draws into these places. Several threads may
        call it; an exception in a process is raised by the call.
    """
    shape = (places, NUM_SOURCES, mixer.spec.num_channels, mixer.num_samples(mixer.num_frames))
    memory = CONTEXT.RawArray("f", int(np.prod(shape)))
    waveforms = np.frombuffer(memory, np.float32).reshape(shape)
    with process_pool(workers, _begin, mixer, memory, shape) as pool:

        def draw(first: int, seeds: list[Seed]) -> list[Excerpt]:
            drawn = [pool.submit(_draw, first + row, seed) for row, seed in enumerate(seeds)]
            return [_excerpt(waveforms[first + row], facts.result(), mixer) for row, facts in enumerate(drawn)]

        yield draw


def _excerpt(waveforms: npt.NDArray[np.float32], facts: list[Facts | None], mixer: RandomMixer) -> Excerpt:
    vocals, accompaniment, floor = (
        Source(waveform[: of_source[0]], *of_source[1:]) if of_source else None
        for waveform, of_source in zip(waveforms, facts, strict=True)
    )
    assert vocals is not None
    assert accompaniment is not None
    return Excerpt(vocals, accompaniment, mixer.spec, mixer.num_frames, floor)


# --- in the processes

_mixer: RandomMixer
_waveforms: npt.NDArray[np.float32]


def _begin(mixer: RandomMixer, memory: Any, shape: tuple[int, ...]) -> None:
    global _mixer, _waveforms
    _mixer, _waveforms = mixer, np.frombuffer(memory, np.float32).reshape(shape)


def _draw(place: int, seed: Seed) -> list[Facts | None]:
    """Writes the waveforms of an excerpt into its place; returns the facts of its sources."""
    excerpt = _mixer.draw(np.random.default_rng(seed))
    facts: list[Facts | None] = []
    for waveform, source in zip(_waveforms[place], (excerpt.vocals, excerpt.accompaniment, excerpt.floor), strict=True):
        if source is None:
            facts.append(None)
        else:
            waveform[: len(source.waveform)] = source.waveform
            facts.append((len(source.waveform), source.equaliser, source.gains))
    return facts
