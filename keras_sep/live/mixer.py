"""Two stems and the original into what is heard."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
MUTE_DB = -60.0  # at or below it nothing is heard
LOUDEST_DB = 20.0
RAMP_S = 0.02  # long enough not to click


def to_gain(decibels: float) -> float:
    """Factor of a level in dB; exactly 1 at 0 dB, 0 at MUTE_DB or below."""
    return 0.0 if decibels <= MUTE_DB else 10.0 ** (decibels / 20.0)


class Ramp:
    """A number that moves to its target in a straight line, sample by sample."""

    def __init__(self, value: float, num_samples: int):
        self.target = self._value = self._aim = value
        self._num_samples, self._left = num_samples, 0

    def __call__(self, size: int) -> npt.NDArray[np.float32] | np.float32:
        """Values of the next `size` samples: (size, 1), or one number while it rests."""
        aim = self.target  # read once: another thread sets it
        if aim != self._aim:
            self._aim, self._left = aim, self._num_samples
        if not self._left:
            return np.float32(self._value)
        moved = min(size, self._left)
        step = (self._aim - self._value) / self._left
        values = np.full((size, 1), self._aim, np.float32)
        values[:moved, 0] = self._value + step * np.arange(1, moved + 1)
        self._left -= moved
        self._value = self._value + step * moved if self._left else self._aim
        return values


class Mixer:
    """Adds the stems, each at its level, or lets the original through.

    Levels may be set from any thread; what is heard follows within RAMP_S.

    Args:
        sample_rate: Hz.
        levels_db: dB of each source by name, up to LOUDEST_DB; MUTE_DB or below for silence.

    Attributes:
        bypass: the original is heard instead of the stems.
    """

    def __init__(self, sample_rate: int, levels_db: dict[str, float]):
        ramp = round(RAMP_S * sample_rate)
        self._levels, self._muted = dict(levels_db), dict.fromkeys(levels_db, False)
        self._gains = {source: Ramp(to_gain(level), ramp) for source, level in levels_db.items()}
        self._bypass = Ramp(0.0, ramp)

    def level_db(self, source: str) -> float:
        """dB, MUTE_DB while muted."""
        return MUTE_DB if self._muted[source] else self._levels[source]

    def set_level(self, source: str, decibels: float) -> None:
        self._levels[source] = min(LOUDEST_DB, max(MUTE_DB, decibels))
        self._muted[source] = False
        self._gains[source].target = to_gain(self._levels[source])

    def change_level(self, source: str, decibels: float) -> None:
        self.set_level(source, self._levels[source] + decibels)

    def toggle_mute(self, source: str) -> None:
        self._muted[source] = not self._muted[source]
        self._gains[source].target = to_gain(self.level_db(source))

    @property
    def bypass(self) -> bool:
        return self._bypass.target != 0.0

    @bypass.setter
    def bypass(self, on: bool) -> None:
        self._bypass.target = float(on)

    def __call__(self, original: Array, stems: dict[str, Array]) -> Array:
        """Mixes (n, channels) each; at 0 dB the bits of their plain sum."""
        mix: Array | None = None
        for source, stem in stems.items():
            part = stem * self._gains[source](len(stem))
            mix = part if mix is None else mix + part
        assert mix is not None, "a separator has sources"
        share = self._bypass(len(mix))
        if isinstance(share, np.ndarray):
            return (np.float32(1) - share) * mix + share * original
        return original if share else mix
