"""Losses of ours that stand beside the paper's: `keras_sep.losses` has those. In keras.ops only.

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
    """Eq. (3) on the square roots of the magnitudes: quiet bins, which the ear still hears, count more.

    `epsilon` keeps the gradient finite where an estimate is zero.
    """
    return sum(
        l1(ops.sqrt(references[source] + epsilon), ops.sqrt(estimates[source] + epsilon)) for source in references
    )


def snr_loss(mixture, references: Mapping[str, Any], masks: Mapping[str, Any]):
    """Error-to-mixture energy ratio, from the complex error |V − M ⊙ X|², in dB.

    The mean of one-second windows, summed over the two sources. It falls by a dB where the signal-to-noise ratio rises
    by one, down to −30 dB, below which a window no longer counts. Relative to the mixture, not to the source: a silent
    source has no ratio of its own (thresholded negative SNR, Wisdom et al., NeurIPS 2020).

    Magnitudes suffice: for a mixture X = V + B the law of cosines gives Re(V X*) = (|X|² + |V|² − |B|²) / 2.

    Args:
        mixture: its magnitude |X| (B, T, F, C).
        references: magnitudes of its two sources by name.
        masks: by the same names.

    Returns:
        Scalar, dB, at least −30 for each source.

    Raises:
        ValueError: not two sources.
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
