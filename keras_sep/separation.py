"""The keras.Model that `fit` trains: a mask network and its loss."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_sep.losses import compressed_spectrogram_loss, spectrogram_loss


class Separation(keras.Model):
    """Trains a mask network on the magnitudes of mixtures and their sources.

    `fit` takes x, the mixture's magnitude (B, T, F, C), and y, a dict of the sources' magnitudes by
    name. Estimates are V̂ = MV ⊙ X and B̂ = MB ⊙ X, Doire (2019), eq. (1); the masks multiply the
    linear magnitude. Each segment is divided by its mixture's mean magnitude, so that loud and quiet
    songs count alike (ours, as is the compressed term).

    Args:
        network: from magnitude to a dict of `<source>_mask`, such as `build_or_unet()`.
        compressed_weight: weight ≥ 0 of the square-root term beside eq. (2); 0 is the paper's L1.
    """

    def __init__(self, network: keras.Model, compressed_weight: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        if compressed_weight < 0:
            raise ValueError(f"Separation: compressed_weight must be ≥ 0. Received: {compressed_weight}")
        self.network = network
        self.compressed_weight = compressed_weight

    def call(self, x, training=None):
        return self.network(x, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        scale = 1.0 / (ops.mean(x, axis=(1, 2, 3), keepdims=True) + 1e-6)
        mixture = x * scale
        references = {source: y[source] * scale for source in y}
        estimates = {source: y_pred[f"{source}_mask"] * mixture for source in y}
        loss = spectrogram_loss(references, estimates)
        if self.compressed_weight:
            loss += self.compressed_weight * compressed_spectrogram_loss(references, estimates)
        return loss
