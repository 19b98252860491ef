"""What counts as audio: sample rates and sample values."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from keras_sep.errors import AudioError

Array = npt.NDArray[np.float32]
BLOCK = 1 << 14  # samples, 0.4 s: what a stage works on stays in the cache
# Far above any audio, far below what overflows when squared: one such sample would stay in the states for ever.
LOUDEST = 1e12


def require_sample_rate(sample_rate: float, name: str) -> None:
    """Raises AudioError unless `sample_rate` is from 1000 to 768000 Hz."""
    if not 1000 <= sample_rate <= 768000:
        raise AudioError(f"{name}: expected a sample rate from 1000 to 768000 Hz. Received: {sample_rate}")
