"""The levels of a stem, taken block by block."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

_SILENCE_DB = -200.0  # of what is nothing but zeros


class Levels:
    """Peak, RMS and clipping of a stem.

    Attributes:
        num_samples: so far, each channel's counted once.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.cluster.levels import Levels
        >>> levels = Levels()
        >>> levels.add(np.array([[0.5, -2.0]], np.float32))
        >>> levels.facts(clips=True)
        {'peak_db': 6.0, 'rms_db': 3.3, 'clipped': 1}
    """

    def __init__(self) -> None:
        self.num_samples = 0
        self._peak = self._power = 0.0
        self._values = self._beyond = 0

    def add(self, block: npt.NDArray[np.float32]) -> None:
        """Takes the next samples (n, channels), full scale ±1."""
        self.num_samples += len(block)
        self._values += block.size
        self._peak = max(self._peak, float(np.abs(block).max(initial=0.0)))
        self._power += float(np.square(block, dtype=np.float64).sum())
        self._beyond += int(np.count_nonzero(np.abs(block) > 1))

    def facts(self, clips: bool) -> dict[str, Any]:
        """Returns the levels in dB of full scale, and how many samples were clipped.

        Args:
            clips: whether the file clips what is beyond full scale.
        """
        rms = math.sqrt(self._power / max(1, self._values))
        return {"peak_db": _db(self._peak), "rms_db": _db(rms), "clipped": self._beyond if clips else 0}


def _db(value: float) -> float:
    return round(20 * math.log10(value), 1) if value > 0 else _SILENCE_DB
