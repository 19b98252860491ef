"""Training losses of Doire (2019), eqs. (3) to (5), in keras.ops only: they run on every Keras backend.

||·||₁ is the MEAN absolute value, so that a term does not depend on the size of what it compares.
Magnitudes are (B, T, F, C), linear, ≥ 0, one tensor per source; features are what the teacher's taps
give for them, of any shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keras import ops


def l1(reference, estimate):
    """||reference − estimate||₁: the mean absolute difference, a scalar ≥ 0."""
    return ops.mean(ops.abs(reference - estimate))


def spectrogram_loss(references: Mapping[str, Any], estimates: Mapping[str, Any]):
    """l_0 = ||V − V̂||₁ + ||B − B̂||₁: Doire (2019), eq. (3).

    Args:
        references, estimates: magnitudes by source name.

    Returns:
        Scalar, ≥ 0.
    """
    return sum(l1(references[source], estimates[source]) for source in references)


def feature_loss(references: Mapping[str, Any], estimates: Mapping[str, Any]):
    """l_i = ||φ_i(V) − φ_i(V̂)||₁ + ||φ_i(B) − φ_i(B̂)||₁: Doire (2019), eq. (4).

    Args:
        references, estimates: the features φ_i of one tap i, by source name.

    Returns:
        Scalar, ≥ 0.
    """
    return sum(l1(references[source], estimates[source]) for source in references)


def total_loss(terms: Sequence[Any]):
    """L = Σ_{i=0..N} w_i l_i: Doire (2019), eq. (5).

    Args:
        terms: l_0, then l_1 … l_N.
    """
    return sum(weight * term for weight, term in zip(loss_weights(len(terms) - 1), terms, strict=True))


def loss_weights(num_taps: int) -> tuple[float, ...]:
    """w_i = N − i + 1 for i = 0 … N, normalised to a sum of 1: Doire (2019), eq. (5).

    Args:
        num_taps: N ≥ 0; 0 is the plain L1, weights (1,). N = 4: 5/15, 4/15, 3/15, 2/15, 1/15.
    """
    if num_taps < 0:
        raise ValueError(f"loss_weights: num_taps must be ≥ 0. Received: num_taps={num_taps}")
    raw = [num_taps - i + 1 for i in range(num_taps + 1)]
    return tuple(weight / sum(raw) for weight in raw)
