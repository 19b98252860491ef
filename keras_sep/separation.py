"""The keras.Model that `fit` trains: a mask network, its losses and its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_sep.extra_losses import compressed_spectrogram_loss, snr_loss
from keras_sep.losses import feature_loss, spectrogram_loss, total_loss
from keras_sep.models import MaskNetwork
from keras_sep.teachers import Teacher


class Separation(keras.Model):
    """A model that trains a mask network on the magnitudes of mixtures and their sources.

    `fit` takes x, the mixture's magnitudes (B, T, F, V), one for each view, and y, a dict of the sources' magnitudes
    (B, T, F, C) by name. Estimates are V̂ = MV ⊙ X and B̂ = MB ⊙ X, Doire (2019), eq. (1), where X is the first C
    views of x, the mixture's linear magnitude. For the spectrogram losses each segment is divided by its mixture's
    mean magnitude, so that loud and quiet songs count alike (ours).

    Metrics: `loss`; each of its terms, before weighting, see `loss_terms`; and `<source>_si_sdr`, dB.

    Args:
        network: the mask network.
        teacher: loss network φ of eq. (4), with the taps to use; None for the L1 alone. Its weights are not part of
            this model.
        compressed_weight, snr_weight: weights ≥ 0 of the losses in `keras_sep.extra_losses`, which are added to l_0;
            0 is the paper's loss.

    Raises:
        ValueError: a negative weight.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.models import OrUnet
        >>> from keras_sep.separation import Separation
        >>> model = Separation(OrUnet("tiny"))
        >>> model.compile("adam")
        >>> vocals, accompaniment = np.random.default_rng(0).random((2, 4, 16, 1025, 2), "float32")
        >>> stems = {"vocals": vocals, "accompaniment": accompaniment}
        >>> history = model.fit(vocals + accompaniment, stems, batch_size=4, verbose=0)
        >>> sorted(history.history)
        ['accompaniment_si_sdr', 'loss', 'spectrogram_loss', 'vocals_si_sdr']
    """

    def __init__(
        self,
        network: MaskNetwork,
        teacher: Teacher | None = None,
        compressed_weight: float = 0.0,
        snr_weight: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.extra_weights = {"compressed_loss": compressed_weight, "snr_loss": snr_weight}
        for name, weight in self.extra_weights.items():
            if weight < 0:
                name = name.replace("loss", "weight")
                raise ValueError(f"Separation: {name} must be ≥ 0. Received: {name}={weight}")
        self.network, self.teacher = network, teacher
        names = ["spectrogram_loss", *(name for name, weight in self.extra_weights.items() if weight)]
        names += [f"feature_loss_{tap}" for tap in teacher.taps] if teacher else []
        self._term_metrics = {name: keras.metrics.Mean(name=name) for name in names}
        self._si_sdr_metrics = {name: keras.metrics.Mean(name=f"{name}_si_sdr") for name in network.spec.sources}

    def call(self, x, training=None):
        return self.network(x, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        terms = self.loss_terms(x, y, y_pred)
        for name, metric in self._term_metrics.items():
            metric.update_state(terms[name])
        # TensorFlow's distribution strategies add the replicas' gradients up; the loss is their mean.
        strategy = getattr(self, "distribute_strategy", None)
        return self.total(terms) / getattr(strategy, "num_replicas_in_sync", 1)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        for source, metric in self._si_sdr_metrics.items():
            value, audible = si_sdr_of_masks(self._channels(x), y, y_pred, source)
            metric.update_state(value, sample_weight=audible)
        return self.get_metrics_result()

    def total(self, terms: Mapping[str, Any]):
        """Computes eq. (5) of `loss_terms`; our own terms are added to l_0."""
        l_0 = terms["spectrogram_loss"]
        for name, weight in self.extra_weights.items():
            if weight:
                l_0 = l_0 + weight * terms[name]
        return total_loss([l_0, *(term for name, term in terms.items() if name.startswith("feature_loss_"))])

    def loss_terms(self, x, y, masks) -> dict[str, Any]:
        """Computes the terms before weighting, for x (B, T, F, V), y and masks by name.

        They are `spectrogram_loss`, l_0 of eq. (3); `compressed_loss` and `snr_loss`, if they have a weight; and
        `feature_loss_<tap>`, l_1 … l_N of eq. (4).
        """
        mixture, by_source = self._channels(x), {source: masks[f"{source}_mask"] for source in y}
        scale = 1.0 / (ops.mean(mixture, axis=(1, 2, 3), keepdims=True) + 1e-6)
        references = {source: y[source] * scale for source in y}
        estimates = {source: mask * mixture * scale for source, mask in by_source.items()}  # eq. (1)
        terms = {"spectrogram_loss": spectrogram_loss(references, estimates)}
        if self.extra_weights["compressed_loss"]:
            terms["compressed_loss"] = compressed_spectrogram_loss(references, estimates)
        if self.extra_weights["snr_loss"]:
            terms["snr_loss"] = snr_loss(mixture * scale, references, by_source)
        if self.teacher is not None:
            # The teacher was trained on unnormalised magnitudes, so it is given them unnormalised.
            of_references = {source: self.teacher(y[source]) for source in y}
            of_estimates = {source: self.teacher(mask * mixture) for source, mask in by_source.items()}
            for i, tap in enumerate(self.teacher.taps):
                phi = {source: ops.stop_gradient(features[i]) for source, features in of_references.items()}
                estimated = {source: features[i] for source, features in of_estimates.items()}
                terms[f"feature_loss_{tap}"] = feature_loss(phi, estimated)
        return terms

    def _channels(self, x):
        """Returns the magnitudes of the mixture's channels, X (B, T, F, C), without mid and side."""
        return x[..., : self.network.spec.num_channels]


def si_sdr_of_masks(x, y, masks, source: str):
    """Computes the SI-SDR (Le Roux et al., ICASSP 2019) of a masked mixture, in the STFT domain.

    Magnitudes suffice. The estimate M ⊙ X has the mixture's phase, so its product with the complex reference V needs
    only Re(V X*); for a mixture X = V + B of two sources the law of cosines gives it as
    (|X|² + |V|² − |B|²) / 2.

    Args:
        x: mixture's magnitude (B, T, F, C).
        y: magnitudes of its two sources by name.
        masks: `<source>_mask` by name.
        source: name of the source to score.

    Returns:
        (B,) dB, clipped to −30 … 50, and (B,) 1 where the reference is above −60 dB of the mixture,
        else 0: what is silent has no SI-SDR.

    Examples:
        >>> from keras import ops
        >>> from keras_sep.separation import si_sdr_of_masks
        >>> vocals, accompaniment = ops.ones((1, 8, 1025, 2)), ops.zeros((1, 8, 1025, 2))
        >>> y, masks = {"vocals": vocals, "accompaniment": accompaniment}, {"vocals_mask": vocals}
        >>> value, audible = si_sdr_of_masks(vocals, y, masks, "vocals")
        >>> float(value[0]), float(audible[0])  # a perfect mask: the upper end of the range
        (50.0, 1.0)
    """
    if len(y) != 2:
        raise ValueError(f"si_sdr_of_masks: expected two sources. Received: {list(y)}")
    reference = y[source]
    (other,) = (y[name] for name in y if name != source)
    mask = masks[f"{source}_mask"]

    def total(values):
        return ops.sum(values, axis=(1, 2, 3))

    projection = total(mask * (ops.square(x) + ops.square(reference) - ops.square(other)) / 2)
    energy, mixture = total(ops.square(reference)), total(ops.square(x))
    audible = ops.cast(energy > 1e-6 * mixture, "float32")
    # |target|² and |estimate|² − |target|², with target = (projection / energy) · reference.
    target = ops.square(projection) / ops.maximum(energy, 1e-12)
    error = ops.maximum(total(ops.square(mask * x)) - target, 0.0)
    ratio = ops.clip((target + 1e-12) / (error + 1e-12), 1e-3, 1e5)
    return 10.0 * ops.log10(ratio), audible
