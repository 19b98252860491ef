"""Ring buffer between two threads that must not wait for each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


class RingBuffer:
    """Ring buffer of samples, without a lock, for one thread that writes and one that reads.

    Each counter has one writer: the writing thread advances `written` after it has copied samples into the ring, the
    reading thread advances `taken` after it has copied them out. Both only grow, so their difference is the contents of
    the ring, and an old value of the other thread's counter is safe. Only NumPy's views are allocated after
    construction.

    Args:
        capacity: size in samples, ≥ 1.
        num_channels: int ≥ 1.

    Attributes:
        written: samples written since construction.
        taken: samples taken since construction.
        available: samples that can be read.
        free: samples that can be written.

    Raises:
        ValueError: a capacity or a number of channels below 1.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.live.ring import RingBuffer
        >>> ring = RingBuffer(capacity=1000, num_channels=2)
        >>> ring.write(np.zeros((600, 2), np.float32)), ring.write(np.zeros((600, 2), np.float32))
        (600, 400)
        >>> block = np.empty((512, 2), np.float32)
        >>> ring.read_into(block), ring.skip(100), ring.available
        (512, 100, 388)
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
        """Samples that the reading thread can take."""
        return self.written - self.taken

    @property
    def free(self) -> int:
        """Samples that the writing thread can add."""
        return self.capacity - (self.written - self.taken)

    def write(self, block: Array) -> int:
        """Copies as many samples of `block` (n, num_channels or 1) as fit; returns how many. For the writing thread."""
        size = min(len(block), self.free)
        start = self.written % self.capacity
        first = min(size, self.capacity - start)
        self._samples[start : start + first] = block[:first]
        self._samples[: size - first] = block[first:size]
        self.written += size
        return size

    def read_into(self, out: Array) -> int:
        """Moves up to n samples into `out` (n, num_channels); returns how many. For the reading thread."""
        size = min(len(out), self.available)
        start = self.taken % self.capacity
        first = min(size, self.capacity - start)
        out[:first] = self._samples[start : start + first]
        out[first:size] = self._samples[: size - first]
        self.taken += size
        return size

    def skip(self, size: int) -> int:
        """Drops up to `size` of the oldest samples; returns how many. For the reading thread."""
        size = min(max(0, size), self.available)
        self.taken += size
        return size
