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
        target: samples.
        limit: samples beyond the block, above which the oldest are dropped down to the target; None: as much as comes
            is kept. With it the stream is behind by the target again after every gap.
        underruns: gaps, each counted once, however long.  silent_samples: samples of silence in them.
        overruns, lost_samples: times that samples were dropped, and how many; not what had become old before the start.
        draining: set when nothing more will come: the rest is played, and its end is no underrun.
        largest: samples of the longest block asked for.  last: as for `Capture`.
    """

    def __init__(self, ring: RingBuffer, target: int, clock: Clock):
        self.ring, self.target, self._clock = ring, target, clock
        self.limit: int | None = None
        self.underruns = self.silent_samples = self.overruns = self.lost_samples = self.largest = 0
        self.draining = False
        self.last = clock()
        self.restart()

    def restart(self) -> None:
        """Before a stream starts."""
        self.playing = self._in_gap = False

    def __call__(self, out: Array, xrun: bool = False) -> None:
        """Fills (n, channels); `xrun`: the device has played a gap of its own before it."""
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
