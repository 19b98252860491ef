"""Sample rates of a stream, block by block."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

Array = npt.NDArray[np.float32]
_BURST = 900  # samples of the lower rate that soxr gives at once, about


class Resampler:
    """soxr's streaming resampler of (samples, num_channels), or nothing where the rates are equal.

    Attributes:
        burst_s: it gives nothing for up to this long, and then much at once.  delay_s: what it holds now.
    """

    def __init__(self, rate_in: int, rate_out: int, num_channels: int):
        self._rate_out = rate_out
        self._stream = None if rate_in == rate_out else soxr.ResampleStream(rate_in, rate_out, num_channels)
        self.burst_s = 0.0 if self._stream is None else _BURST / min(rate_in, rate_out)
        self.delay_s = 0.0

    def __call__(self, samples: Array, last: bool = False) -> Array:
        if self._stream is None:
            return samples
        result = self._stream.resample_chunk(np.ascontiguousarray(samples), last=last)
        self.delay_s = 0.0 if last else self._stream.delay() / self._rate_out
        return result.reshape(-1, samples.shape[1])
