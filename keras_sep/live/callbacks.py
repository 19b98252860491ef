"""Sound card callbacks, which only copy and count."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from keras_sep.live.ring import RingBuffer

Array = npt.NDArray[np.float32]
Clock = Callable[[], float]  # s


class Capture:
    """Callback of an input stream, which copies its blocks into a ring.

    A mono block fills all channels of the ring; of a block with more channels than the ring, the first ones are taken.

    Args:
        ring: ring to write to.
        clock: function that returns the time in seconds.

    Attributes:
        ring: RingBuffer; replaced only while no stream is open.
        overruns: number of blocks that did not fit into the ring, or before which the device has lost samples.
        lost_samples: samples that did not fit.
        largest: length of the longest block in samples.
        last: time of the last block, or of opening the stream, by the clock.

    Examples:
        >>> import time
        >>> import numpy as np
        >>> from keras_sep.live.callbacks import Capture
        >>> from keras_sep.live.ring import RingBuffer
        >>> capture = Capture(RingBuffer(1000, num_channels=2), time.monotonic)
        >>> for _ in range(2):
        ...     capture(np.zeros((512, 2), np.float32))
        >>> capture.ring.available, capture.overruns, capture.lost_samples
        (1000, 1, 24)
    """

    def __init__(self, ring: RingBuffer, clock: Clock):
        self.ring, self._clock = ring, clock
        self.overruns = self.lost_samples = self.largest = 0
        self.last = clock()

    def __call__(self, block: Array, xrun: bool = False) -> None:
        """Takes a block (n, channels); `xrun` says that the device has lost samples before it."""
        self.last = self._clock()
        if len(block) > self.largest:
            self.largest = len(block)
        missing = len(block) - self.ring.write(block[:, : self.ring.num_channels])
        if missing or xrun:
            self.overruns += 1
            self.lost_samples += missing


class Playback:
    """Callback of an output stream, which fills its blocks from a ring with the stream's channels.

    It plays silence until the ring holds `target` samples more than the block needs, and again after the ring has run
    empty: so a late step makes a single gap, and not a series of short ones.

    Args:
        ring: ring to read from.
        target: samples that the ring holds beyond the first block when playing starts.
        clock: function that returns the time in seconds.

    Attributes:
        ring: RingBuffer; replaced only while no stream is open.
        target: as above; may be changed at any time.
        limit: samples beyond a block above which the oldest are dropped, down to `target`; None to drop nothing. With a
            limit, a gap does not delay the stream for good.
        underruns: number of gaps, however long.
        silent_samples: samples of silence in gaps.
        overruns: number of times that samples were dropped while playing or after a gap.
        lost_samples: samples dropped then.
        draining: set when the ring gets no more samples: then it is played to its end, which is no gap.
        playing: whether the last block came from the ring.
        largest: length of the longest block in samples.
        last: time of the last block, or of opening the stream, by the clock.

    Examples:
        >>> import time
        >>> import numpy as np
        >>> from keras_sep.live.callbacks import Playback
        >>> from keras_sep.live.ring import RingBuffer
        >>> playback = Playback(RingBuffer(1000, num_channels=2), target=100, clock=time.monotonic)
        >>> block = np.empty((256, 2), np.float32)
        >>> playback(block)  # silence, as the ring is empty
        >>> playback.ring.write(np.ones((400, 2), np.float32))
        400
        >>> playback(block)
        >>> playback.playing, float(block[0, 0]), playback.ring.available
        (True, 1.0, 144)
    """

    def __init__(self, ring: RingBuffer, target: int, clock: Clock):
        self.ring, self.target, self._clock = ring, target, clock
        self.limit: int | None = None
        self.underruns = self.silent_samples = self.overruns = self.lost_samples = self.largest = 0
        self.draining = False
        self.last = clock()
        self.restart()

    def restart(self) -> None:
        """Prepares for a stream that starts: silence until the ring holds `target` samples."""
        self.playing = self._in_gap = False

    def __call__(self, out: Array, xrun: bool = False) -> None:
        """Fills a block (n, channels); `xrun` says that the device itself has played a gap before it."""
        self.last = self._clock()
        size = len(out)
        if size > self.largest:
            self.largest = size
        if xrun and self.playing:
            self.underruns += 1
        surplus = self.ring.available - size - self.target
        if not self.playing:
            if surplus >= 0 or self.draining:
                self._drop(surplus, counted=self._in_gap)
                self.playing, self._in_gap = True, False
        elif self.limit is not None and surplus > self.limit - self.target:
            self._drop(surplus, counted=True)
        done = self.ring.read_into(out) if self.playing else 0
        if done == size:
            return
        out[done:] = 0.0
        if self.draining:
            return
        if self.playing:
            self.playing, self._in_gap = False, True
            self.underruns += 1
        if self._in_gap:
            self.silent_samples += size - done

    def _drop(self, surplus: int, counted: bool) -> None:
        if self.limit is None or self.draining or surplus <= 0:
            return
        self.ring.skip(surplus)
        if counted:
            self.overruns += 1
            self.lost_samples += surplus
