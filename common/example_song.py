"""The example song of keras_sep, on which files are measured and compared."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from keras_sep.store import example

Array = npt.NDArray[np.float32]
FOLDER = example()
MIXTURE = FOLDER / "mixture.flac"


@functools.lru_cache(maxsize=4)
def example_song(sample_rate: int = 44100, num_channels: int = 2) -> Array:
    """Returns 25 s of music at any sample rate and channel count.

    Args:
        sample_rate: Hz.
        num_channels: ≥ 1. One is the mean of left and right; more than two repeat left and right in turn.

    Returns:
        Waveform (samples, num_channels), float32. It is cached: do not change it.
    """
    audio, rate = soundfile.read(MIXTURE, dtype="float32", always_2d=True)
    if num_channels == 1:
        audio = audio.mean(axis=1, keepdims=True)
    audio = audio[:, np.arange(num_channels) % audio.shape[1]]
    return audio if rate == sample_rate else soxr.resample(audio, rate, sample_rate)
