"""The example song as inputs of a step, and arrays for its outputs."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from common.example_song import example_song
from keras_sep.signal import StreamingStft, magnitude_views
from keras_sep.spec import StreamSpec

Array = npt.NDArray[np.float32]


@functools.lru_cache(maxsize=4)
def blocks(sample_rate: int, num_channels: int, block: int) -> Array:
    """Cuts the example song into blocks (blocks, block, num_channels); an incomplete last one is left out."""
    audio = example_song(sample_rate, num_channels)
    return np.ascontiguousarray(audio[: len(audio) // block * block].reshape(-1, block, num_channels))


@functools.lru_cache(maxsize=4)
def step_inputs(graph: str, spec: StreamSpec) -> Array:
    """Returns the example song as inputs of a graph's steps.

    Args:
        graph: "mask" or "waveform".
        spec: of the file.

    Returns:
        Magnitudes (steps, F, V) for "mask", samples (steps, frame_step, C) for "waveform".
    """
    if graph == "waveform":
        return blocks(spec.sample_rate, spec.num_channels, spec.frame_step)
    return magnitude_views(StreamingStft(spec).push(example_song(spec.sample_rate, spec.num_channels)), spec)


def random_input(step: Any) -> Array:
    """Returns noise in [0, 1) of the shape that a step of `common.step_files` takes."""
    spec = step.spec
    shape = (spec.num_bins, spec.num_views) if step.graph == "mask" else (spec.frame_step, spec.num_channels)
    return np.random.default_rng(0).random(shape, np.float32)


def empty_outputs(step: Any) -> list[Array]:
    """Allocates the arrays that a step writes its outputs to, one a source."""
    spec = step.spec
    return [
        np.empty((spec.num_bins if step.graph == "mask" else spec.frame_step, spec.num_channels), np.float32)
        for _ in spec.sources
    ]
