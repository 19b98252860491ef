"""Valid sample rates and sample values, for all audio."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from keras_sep.errors import AudioError

Array = npt.NDArray[np.float32]
BLOCK = 1 << 14  # samples, 0.37 s at 44100 Hz: small enough for a processor's cache
# Far above any audio, far below what overflows when squared: an infinite number would never leave the network's states.
LOUDEST = 1e12


def require_sample_rate(sample_rate: float, name: str) -> None:
    """Raises AudioError unless a sample rate is from 1000 to 768000 Hz.

    Args:
        sample_rate: Hz.
        name: beginning of the message, such as the name of a file.

    Examples:
        >>> from keras_sep import AudioError
        >>> from keras_sep.audio import require_sample_rate
        >>> require_sample_rate(44100, "song.wav")
        >>> try:
        ...     require_sample_rate(0, "song.wav")
        ... except AudioError as error:
        ...     print(error)
        song.wav: expected a sample rate from 1000 to 768000 Hz. Received: 0
    """
    if not 1000 <= sample_rate <= 768000:
        raise AudioError(f"{name}: expected a sample rate from 1000 to 768000 Hz. Received: {sample_rate}")
