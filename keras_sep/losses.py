"""Training losses of Doire (2019), eqs. (2) to (5), in keras.ops only: they run on every Keras backend.

||·||₁ is the MEAN absolute value, so that a term does not depend on the size of what it compares.
Magnitudes are (B, T, F, C), linear, ≥ 0, one tensor per source; features are what the teacher's taps
give for them, of any shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keras import ops

SNR_WINDOW = 86  # frames, 1.0 s
SNR_CEILING_DB = 30.0


def l1(reference, estimate):
    """||reference − estimate||₁: the mean absolute difference, a scalar ≥ 0."""
    return ops.mean(ops.abs(reference - estimate))


def spectrogram_loss(references: Mapping[str, Any], estimates: Mapping[str, Any]):
    """l_0 = ||V − V̂||₁ + ||B − B̂||₁: Doire (2019), eq. (2).

    Args:
        references, estimates: magnitudes by source name.

    Returns:
        Scalar, ≥ 0.
    """
    return sum(l1(references[source], estimates[source]) for source in references)


def compressed_spectrogram_loss(references: Mapping[str, Any], estimates: Mapping[str, Any], epsilon: float = 1e-4):
    """Eq. (2) on the square roots of the magnitudes: quiet bins, which the ear still hears, count more.

    Ours, not the paper's. `epsilon` keeps the gradient finite where an estimate is zero.
    """
    return sum(
        l1(ops.sqrt(references[source] + epsilon), ops.sqrt(estimates[source] + epsilon)) for source in references
    )


def complex_spectrogram_loss(mixture, references: Mapping[str, Any], masks: Mapping[str, Any]):
    """Eq. (2) on complex spectra: the mean distance |V − M ⊙ X| in the complex plane, X with its phase.

    Ours, not the paper's. An estimate is heard with the phase of the mixture: where that phase is wrong, less than |V|
    is nearer to V (phase-sensitive masks, Erdogan et al., ICASSP 2015), which a distance of magnitudes does not know.
    Magnitudes suffice: for a mixture X = V + B the law of cosines gives Re(V X*) = (|X|² + |V|² − |B|²) / 2.

    Args:
        mixture: its magnitude |X|.
        references: magnitudes of its two sources by name.
        masks: by the same names.

    Returns:
        Scalar, ≥ 0.
    """
    squared = _squared_distances("complex_spectrogram_loss", mixture, references, masks)
    return sum(ops.mean(ops.sqrt(distance + 1e-6)) for distance in squared)  # a finite gradient at 0


def snr_loss(mixture, references: Mapping[str, Any], masks: Mapping[str, Any]):
    """Energy of the complex error |V − M ⊙ X|² beside the mixture's, in dB: mean of seconds, sum of sources.

    Ours, not the paper's: it falls by a dB where the signal-to-noise ratio rises by one, down to −30 dB, from where
    on a window counts no more. Beside the mixture, not the source: a silent one has no ratio of its own (thresholded
    negative SNR, Wisdom et al., NeurIPS 2020).

    Args: as those of `complex_spectrogram_loss`, (B, T, F, C).

    Returns:
        Scalar, dB, at least −30 for each source.
    """

    def energy(power):
        frames = ops.expand_dims(ops.sum(power, axis=(2, 3)), -1)
        return ops.average_pool(frames, SNR_WINDOW, SNR_WINDOW, padding="same")

    power, floor = energy(ops.square(mixture)) + 1e-6, 10.0 ** (-SNR_CEILING_DB / 10)
    squared = _squared_distances("snr_loss", mixture, references, masks)
    return sum(ops.mean(10.0 * ops.log10(energy(distance) / power + floor)) for distance in squared)


def _squared_distances(name: str, mixture, references: Mapping[str, Any], masks: Mapping[str, Any]) -> list:
    """|V − M ⊙ X|² = |V|² − 2 M Re(V X*) + M² |X|² of each source."""
    if len(references) != 2:
        raise ValueError(f"{name}: expected two sources. Received: {list(references)}")
    powers, power, squared = {name: ops.square(values) for name, values in references.items()}, ops.square(mixture), []
    for source, mask in masks.items():
        (other,) = (powers[name] for name in powers if name != source)
        distance = powers[source] - mask * (power + powers[source] - other) + ops.square(mask) * power
        squared.append(ops.maximum(distance, 0.0))
    return squared


def feature_loss(references: Mapping[str, Any], estimates: Mapping[str, Any]):
    """l_i = ||φ_i(V) − φ_i(V̂)||₁ + ||φ_i(B) − φ_i(B̂)||₁: Doire (2019), eq. (3).

    Args:
        references, estimates: the features φ_i of one tap i, by source name.

    Returns:
        Scalar, ≥ 0.
    """
    return sum(l1(references[source], estimates[source]) for source in references)


def total_loss(terms: Sequence[Any]):
    """L = Σ_{i=0..N} w_i l_i: Doire (2019), eq. (4).

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
