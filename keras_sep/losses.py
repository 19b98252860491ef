"""Training losses, in keras.ops only: they run on every Keras backend.

Magnitudes are (B, T, F, C), linear, ≥ 0, one tensor per source.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops


def spectrogram_loss(references: Mapping[str, Any], estimates: Mapping[str, Any]):
    """l_0 = ||V − V̂||₁ + ||B − B̂||₁, where ||·||₁ is the MEAN absolute value: Doire (2019), eq. (2).

    Args:
        references, estimates: magnitudes by source name.

    Returns:
        Scalar, ≥ 0.
    """
    return sum(ops.mean(ops.abs(references[source] - estimates[source])) for source in references)


def compressed_spectrogram_loss(references: Mapping[str, Any], estimates: Mapping[str, Any], epsilon: float = 1e-4):
    """Eq. (2) on the square roots of the magnitudes: quiet bins, which the ear still hears, count more.

    Ours, not the paper's. `epsilon` keeps the gradient finite where an estimate is zero.
    """
    return sum(
        ops.mean(ops.abs(ops.sqrt(references[source] + epsilon) - ops.sqrt(estimates[source] + epsilon)))
        for source in references
    )
