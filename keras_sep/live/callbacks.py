"""What the sound card calls: copy, count, return."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from keras_sep.live.ring import RingBuffer

Array = npt.NDArray[np.float32]
Clock = Callable[[], float]  # s


class Capture:
    """Takes the blocks of an input stream into a ring of `num_channels` channels.

    One channel stands on all of them, of more the first ones count.

    Attributes:
        ring: RingBuffer, exchanged only while no stream is open.
        overruns, lost_samples: blocks that found the ring full, or that the device says it lost; samples without room.
        largest: samples of the longest block.  last: time of the last one by the clock, or of the opening.
    """

    def __init__(self, ring: RingBuffer, clock: Clock):
        self.ring, self._clock = ring, clock
        self.overruns = self.lost_samples = self.largest = 0
        self.last = clock()

    def __call__(self, block: Array, xrun: bool = False) -> None:
        """Takes (n, channels); `xrun`: the device has lost samples before it."""
        self.last = self._clock()
        if len(block) > self.largest:
            self.largest = len(block)
        missing = len(block) - self.ring.write(block[:, : self.ring.num_channels])
        if missing or xrun:
            self.overruns += 1
            self.lost_samples += missing


class Playback:
    """Fills the blocks of an output stream from a ring that has the stream's channels.

    Silence until the ring holds `target` samples beyond the block, and again after it has run dry: so one late step
    costs one gap, not a row of them.

    Attributes:
        ring: RingBuffer, exchanged only while no stream is open.
        underruns: gaps, each counted once, however long.  silent_samples: samples of silence in them.
        draining: set when nothing more will come: the rest is played, and its end is no underrun.
        largest: samples of the longest block asked for.  last: as for `Capture`.
    """

    def __init__(self, ring: RingBuffer, target: int, clock: Clock):
        self.ring, self.target, self._clock = ring, target, clock
        self.underruns = self.silent_samples = self.largest = 0
        self.draining = False
        self.last = clock()
        self.restart()

    def restart(self, trim: bool = False) -> None:
        """Before a stream starts. trim: drop what exceeds the target when it begins to play, which is stale by then."""
        self.playing = self._in_gap = False
        self._trim = trim

    def __call__(self, out: Array, xrun: bool = False) -> None:
        """Fills (n, channels); `xrun`: the device has played a gap of its own before it."""
        self.last = self._clock()
        size = len(out)
        if size > self.largest:
            self.largest = size
        if xrun and self.playing:
            self.underruns += 1
        if not self.playing and (self.draining or self.ring.available >= self.target + size):
            self.playing, self._in_gap = True, False
            if self._trim and not self.draining:
                self._trim = False
                self.ring.skip(self.ring.available - self.target - size)
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
