"""Losses of our own, in keras.ops only; the paper's are in `keras_sep.losses`.

Magnitudes are (B, T, F, C), linear, ≥ 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

from keras_sep.losses import l1

SNR_WINDOW = 86  # frames, 1.0 s at the default spec
SNR_CEILING_DB = 30.0


def compressed_spectrogram_loss(references: Mapping[str, Any], estimates: Mapping[str, Any], epsilon: float = 1e-4):
    """Computes eq. (3) on the square roots of the magnitudes, so that quiet bins count more.

    Args:
        references, estimates: magnitudes by source name.
        epsilon: added to each magnitude; keeps the gradient finite where an estimate is zero.

    Returns:
        Scalar, ≥ 0.

    Examples:
        >>> from keras import ops
        >>> from keras_sep.extra_losses import compressed_spectrogram_loss
        >>> reference, estimate = ops.ones((1, 8, 1025, 2)), ops.full((1, 8, 1025, 2), 0.25)
        >>> round(float(compressed_spectrogram_loss({"vocals": reference}, {"vocals": estimate})), 3)
        0.5
    """
    return sum(
        l1(ops.sqrt(references[source] + epsilon), ops.sqrt(estimates[source] + epsilon)) for source in references
    )


def snr_loss(mixture, references: Mapping[str, Any], masks: Mapping[str, Any]):
    """Computes the ratio of the complex error's energy |V − M ⊙ X|² to the mixture's, in dB.

    It is averaged over one-second windows and summed over the two sources. A window stops counting at −30 dB. The ratio
    is relative to the mixture, not to the source, because for a silent source it would mean nothing (thresholded
    negative SNR, Wisdom et al., NeurIPS 2020).

    Magnitudes suffice: for a mixture X = V + B the law of cosines gives Re(V X*) = (|X|² + |V|² − |B|²) / 2.

    Args:
        mixture: its magnitude |X| (B, T, F, C).
        references: magnitudes of its two sources by name.
        masks: by the same names.

    Returns:
        Scalar, dB, at least −30 for each source.

    Raises:
        ValueError: not two sources.

    Examples:
        >>> from keras import ops
        >>> from keras_sep.extra_losses import snr_loss
        >>> vocals, accompaniment = ops.ones((1, 86, 1025, 2)), ops.zeros((1, 86, 1025, 2))
        >>> sources = {"vocals": vocals, "accompaniment": accompaniment}
        >>> round(float(snr_loss(vocals, sources, {"vocals": vocals, "accompaniment": accompaniment})))
        -60
    """

    def energy(power):
        frames = ops.expand_dims(ops.sum(power, axis=(2, 3)), -1)
        return ops.average_pool(frames, SNR_WINDOW, SNR_WINDOW, padding="same")

    power, floor = energy(ops.square(mixture)) + 1e-6, 10.0 ** (-SNR_CEILING_DB / 10)
    squared = _squared_distances(mixture, references, masks)
    return sum(ops.mean(10.0 * ops.log10(energy(distance) / power + floor)) for distance in squared)


def _squared_distances(mixture, references: Mapping[str, Any], masks: Mapping[str, Any]) -> list:
    """Computes |V − M ⊙ X|² = |V|² − 2 M Re(V X*) + M² |X|² for each source."""
    if len(references) != 2:
        raise ValueError(f"snr_loss: expected two sources. Received: {list(references)}")
    powers, power, squared = {name: ops.square(values) for name, values in references.items()}, ops.square(mixture), []
    for source, mask in masks.items():
        (other,) = (powers[name] for name in powers if name != source)
        distance = powers[source] - mask * (power + powers[source] - other) + ops.square(mask) * power
        squared.append(ops.maximum(distance, 0.0))
    return squared
