"""Streaming conversion of sample rates, block by block."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

Array = npt.NDArray[np.float32]
_BURST = 900  # samples of the lower rate that soxr gives at once, about


class Resampler:
    """A streaming resampler of (samples, num_channels), soxr's, which passes samples on where the rates are equal.

    Args:
        rate_in, rate_out: sample rates in Hz.
        num_channels: channels of the stream.

    Attributes:
        burst_s: seconds for which it may return nothing, before it returns much at once.
        delay_s: seconds of audio that it holds now.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.resampler import Resampler
        >>> resample = Resampler(48000, 44100, num_channels=2)
        >>> parts = [resample(np.zeros((48000, 2), np.float32)), resample(np.zeros((0, 2), np.float32), last=True)]
        >>> sum(map(len, parts))
        44100
    """

    def __init__(self, rate_in: int, rate_out: int, num_channels: int):
        self._rate_out = rate_out
        self._stream = None if rate_in == rate_out else soxr.ResampleStream(rate_in, rate_out, num_channels)
        self.burst_s = 0.0 if self._stream is None else _BURST / min(rate_in, rate_out)
        self.delay_s = 0.0

    def __call__(self, samples: Array, last: bool = False) -> Array:
        """Takes the next samples, returns what is ready; with `last`, all that is left."""
        if self._stream is None:
            return samples
        result = self._stream.resample_chunk(np.ascontiguousarray(samples), last=last)
        self.delay_s = 0.0 if last else self._stream.delay() / self._rate_out
        return result.reshape(-1, samples.shape[1])
