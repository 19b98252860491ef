"""Live mixing of the stems, each with its gain."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
MUTE_DB = -60.0  # this gain and lower ones are silence
LOUDEST_DB = 20.0
RAMP_S = 0.02  # long enough not to click


def to_gain(decibels: float) -> float:
    """Converts a gain in dB to a factor: exactly 1 at 0 dB, and 0 at MUTE_DB or below.

    Examples:
        >>> from keras_sep.live.mixer import to_gain
        >>> to_gain(0.0), to_gain(20.0), to_gain(-60.0)
        (1.0, 10.0, 0.0)
    """
    return 0.0 if decibels <= MUTE_DB else 10.0 ** (decibels / 20.0)


class Ramp:
    """Number that moves to a new target in a straight line, sample by sample.

    Args:
        value: value at the start.
        num_samples: length of each way to a target.

    Attributes:
        target: value to move to; may be set from any thread.

    Examples:
        >>> from keras_sep.live.mixer import Ramp
        >>> ramp = Ramp(0.0, num_samples=4)
        >>> ramp.target = 1.0
        >>> ramp(5)[:, 0].tolist()
        [0.25, 0.5, 0.75, 1.0, 1.0]
        >>> float(ramp(5))
        1.0
    """

    def __init__(self, value: float, num_samples: int):
        self.target = self._value = self._aim = value
        self._num_samples, self._left = num_samples, 0

    def __call__(self, size: int) -> npt.NDArray[np.float32] | np.float32:
        """Returns the values of the next `size` samples: (size, 1), or a single number while it does not move."""
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
    """Mixer of the stems, each with its gain, which can also pass the original song.

    Gains may be changed from any thread; the sound follows within RAMP_S.

    Args:
        sample_rate: Hz.
        gains_db: gain of each source in dB, up to LOUDEST_DB; MUTE_DB or below is silence.

    Attributes:
        bypass: whether the original song is passed instead of the mix.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.live.mixer import Mixer
        >>> mixer = Mixer(44100, {"vocals": -60.0, "accompaniment": 20.0})
        >>> stems = {source: np.full((512, 2), 0.01, np.float32) for source in ("vocals", "accompaniment")}
        >>> mix = mixer(np.zeros((512, 2), np.float32), stems)
        >>> round(float(mix[0, 0]), 3)
        0.1
        >>> mixer.change_gain("accompaniment", -3.0)
        >>> mixer.gain_db("accompaniment")
        17.0
    """

    def __init__(self, sample_rate: int, gains_db: dict[str, float]):
        ramp = round(RAMP_S * sample_rate)
        self._gains_db, self._muted = dict(gains_db), dict.fromkeys(gains_db, False)
        self._gains = {source: Ramp(to_gain(gain), ramp) for source, gain in gains_db.items()}
        self._bypass = Ramp(0.0, ramp)

    def gain_db(self, source: str) -> float:
        """Returns the gain of a source in dB; MUTE_DB while it is muted."""
        return MUTE_DB if self._muted[source] else self._gains_db[source]

    def set_gain(self, source: str, decibels: float) -> None:
        """Sets the gain of a source, limited to MUTE_DB … LOUDEST_DB, and ends its muting."""
        self._gains_db[source] = min(LOUDEST_DB, max(MUTE_DB, decibels))
        self._muted[source] = False
        self._gains[source].target = to_gain(self._gains_db[source])

    def change_gain(self, source: str, decibels: float) -> None:
        """Adds decibels to the gain that a source has, or had before it was muted."""
        self.set_gain(source, self._gains_db[source] + decibels)

    def toggle_mute(self, source: str) -> None:
        """Mutes a source, or gives it its gain back."""
        self._muted[source] = not self._muted[source]
        self._gains[source].target = to_gain(self.gain_db(source))

    @property
    def bypass(self) -> bool:
        return self._bypass.target != 0.0

    @bypass.setter
    def bypass(self, on: bool) -> None:
        self._bypass.target = float(on)

    def __call__(self, original: Array, stems: dict[str, Array]) -> Array:
        """Returns the mix of arrays (n, channels); with all gains at 0 dB it is the plain sum, to the bit."""
        mix: Array | None = None
        for source, stem in stems.items():
            part = stem * self._gains[source](len(stem))
            mix = part if mix is None else mix + part
        assert mix is not None, "a separator has sources"
        share = self._bypass(len(mix))
        if isinstance(share, np.ndarray):
            return (np.float32(1) - share) * mix + share * original
        return original if share else mix
