"""The song that everything is measured on."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from keras_sep.signal import StreamingStft, magnitude_views
from keras_sep.spec import StreamSpec

Array = npt.NDArray[np.float32]
EXAMPLE = Path(__file__).parents[2] / "examples" / "lithium" / "mixture.flac"


@functools.lru_cache(maxsize=4)
def example(sample_rate: int = 44100, num_channels: int = 2) -> Array:
    """(samples, num_channels), 25 s; one channel is the mean, more than two are the two again and again."""
    audio, rate = soundfile.read(EXAMPLE, dtype="float32", always_2d=True)
    if num_channels == 1:
        audio = audio.mean(axis=1, keepdims=True)
    audio = audio[:, np.arange(num_channels) % audio.shape[1]]
    return audio if rate == sample_rate else soxr.resample(audio, rate, sample_rate)


@functools.lru_cache(maxsize=4)
def blocks(sample_rate: int, num_channels: int, block: int) -> Array:
    """(blocks, block, num_channels), without a rest."""
    audio = example(sample_rate, num_channels)
    return np.ascontiguousarray(audio[: len(audio) // block * block].reshape(-1, block, num_channels))


@functools.lru_cache(maxsize=4)
def step_inputs(graph: str, spec: StreamSpec) -> Array:
    """What a graph's steps take: magnitudes (steps, F, C), or samples (steps, frame_step, C)."""
    if graph == "waveform":
        return blocks(spec.sample_rate, spec.num_channels, spec.frame_step)
    return magnitude_views(StreamingStft(spec).push(example(spec.sample_rate, spec.num_channels)), spec)
