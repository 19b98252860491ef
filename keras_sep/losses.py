"""Training losses of Doire (2019), eqs. (3) to (5), in keras.ops only: they run on every Keras backend.

||·||₁ is the MEAN absolute value, so that a term does not depend on the size of what it compares.
Magnitudes are (B, T, F, C), linear, ≥ 0, one tensor per source; features are what the teacher's taps
return for them, of any shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keras import ops


def l1(reference, estimate):
    """Computes ||reference − estimate||₁, the mean absolute difference, a scalar ≥ 0.

    Examples:
        >>> from keras import ops
        >>> from keras_sep.losses import l1
        >>> float(l1(ops.array([1.0, 2.0]), ops.array([1.0, 5.0])))
        1.5
    """
    return ops.mean(ops.abs(reference - estimate))


def spectrogram_loss(references: Mapping[str, Any], estimates: Mapping[str, Any]):
    """Computes l_0 = ||V − V̂||₁ + ||B − B̂||₁: Doire (2019), eq. (3).

    Args:
        references, estimates: magnitudes by source name.

    Returns:
        Scalar, ≥ 0.

    Examples:
        >>> from keras import ops
        >>> from keras_sep.losses import spectrogram_loss
        >>> references = {"vocals": ops.ones((1, 8, 1025, 2)), "accompaniment": ops.ones((1, 8, 1025, 2))}
        >>> estimates = {"vocals": ops.zeros((1, 8, 1025, 2)), "accompaniment": ops.ones((1, 8, 1025, 2))}
        >>> float(spectrogram_loss(references, estimates))
        1.0
    """
    return sum(l1(references[source], estimates[source]) for source in references)


def feature_loss(references: Mapping[str, Any], estimates: Mapping[str, Any]):
    """Computes l_i = ||φ_i(V) − φ_i(V̂)||₁ + ||φ_i(B) − φ_i(B̂)||₁: Doire (2019), eq. (4).

    Args:
        references, estimates: the features φ_i of one tap i, by source name.

    Returns:
        Scalar, ≥ 0.

    Examples:
        >>> from keras import ops
        >>> from keras_sep.losses import feature_loss
        >>> from keras_sep.models import Unet
        >>> from keras_sep.teachers import Teacher
        >>> teacher = Teacher(Unet("tiny"), taps=1)
        >>> loud, quiet = ops.ones((1, 8, 1025, 2)), ops.full((1, 8, 1025, 2), 0.1)
        >>> (phi_loud,), (phi_quiet,) = teacher(loud), teacher(quiet)
        >>> bool(feature_loss({"vocals": phi_loud}, {"vocals": phi_quiet}) > 0)
        True
    """
    return sum(l1(references[source], estimates[source]) for source in references)


def total_loss(terms: Sequence[Any]):
    """Computes L = Σ_{i=0..N} w_i l_i: Doire (2019), eq. (5).

    Args:
        terms: l_0, then l_1 … l_N.

    Returns:
        Scalar, ≥ 0.

    Examples:
        >>> from keras_sep.losses import total_loss
        >>> round(total_loss([0.3, 0.6]), 3)  # N = 1: weights 2/3 and 1/3
        0.4
    """
    return sum(weight * term for weight, term in zip(loss_weights(len(terms) - 1), terms, strict=True))


def loss_weights(num_taps: int) -> tuple[float, ...]:
    """Returns w_i = N − i + 1 for i = 0 … N, normalised to a sum of 1: Doire (2019), eq. (5).

    Args:
        num_taps: N ≥ 0; 0 is the plain L1, weights (1,). N = 4: 5/15, 4/15, 3/15, 2/15, 1/15.

    Raises:
        ValueError: a negative `num_taps`.

    Examples:
        >>> from keras_sep.losses import loss_weights
        >>> [round(weight * 15) for weight in loss_weights(4)]
        [5, 4, 3, 2, 1]
    """
    if num_taps < 0:
        raise ValueError(f"loss_weights: num_taps must be ≥ 0. Received: num_taps={num_taps}")
    raw = [num_taps - i + 1 for i in range(num_taps + 1)]
    return tuple(weight / sum(raw) for weight in raw)
