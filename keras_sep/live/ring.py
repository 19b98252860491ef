"""What lies between two threads that must not wait for each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


class RingBuffer:
    """Samples from one producer thread to one consumer thread, without a lock.

    Each counter has a single writer: the producer moves `written` when the samples are there, the consumer moves
    `taken` when it has copied them. Both only grow, so their difference is what is in the ring, and a counter that is
    read late errs on the safe side. Nothing is allocated after construction but NumPy's views.

    Args:
        capacity: samples it can hold, ≥ 1.
        num_channels: int ≥ 1.

    Attributes:
        written, taken: samples since construction.
    """

    def __init__(self, capacity: int, num_channels: int):
        if capacity < 1 or num_channels < 1:
            raise ValueError(
                f"expected a ring of at least 1 sample and channel. Received: {capacity} of {num_channels}"
            )
        self.capacity, self.num_channels = capacity, num_channels
        self._samples: Array = np.zeros((capacity, num_channels), np.float32)
        self.written = self.taken = 0

    @property
    def available(self) -> int:
        """Samples that the consumer can take."""
        return self.written - self.taken

    @property
    def free(self) -> int:
        """Samples that the producer can write."""
        return self.capacity - (self.written - self.taken)

    def write(self, block: Array) -> int:
        """Producer: copies the first samples of `block` (n, num_channels or 1) that fit; returns how many."""
        size = min(len(block), self.free)
        start = self.written % self.capacity
        first = min(size, self.capacity - start)
        self._samples[start : start + first] = block[:first]
        self._samples[: size - first] = block[first:size]
        self.written += size
        return size

    def read_into(self, out: Array) -> int:
        """Consumer: fills the beginning of `out` (n, num_channels) with what is there; returns how many samples."""
        size = min(len(out), self.available)
        start = self.taken % self.capacity
        first = min(size, self.capacity - start)
        out[:first] = self._samples[start : start + first]
        out[first:size] = self._samples[: size - first]
        self.taken += size
        return size

    def skip(self, size: int) -> int:
        """Consumer: drops the oldest samples, up to `size`; returns how many."""
        size = min(max(0, size), self.available)
        self.taken += size
        return size
