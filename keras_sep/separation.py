"""The keras.Model that `fit` trains: a mask network, its losses and its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_sep.losses import (
    complex_spectrogram_loss,
    compressed_spectrogram_loss,
    feature_loss,
    snr_loss,
    spectrogram_loss,
    total_loss,
)
from keras_sep.streaming import build_chunk, initial_states
from keras_sep.teachers import Teacher


class Separation(keras.Model):
    """Trains a mask network on the magnitudes of mixtures and their sources.

    `fit` takes x, the mixture's magnitude (B, T, F, C), and y, a dict of the sources' magnitudes by
    name. Estimates are V̂ = MV ⊙ X and B̂ = MB ⊙ X, Doire (2019), eq. (1); the masks multiply the
    linear magnitude. For the spectrogram losses each segment is divided by its mixture's mean
    magnitude, so that loud and quiet songs count alike (ours, as are the compressed, the complex and the snr term).

    Metrics: `loss`; each of its terms, before weighting: `spectrogram_loss`, `compressed_loss` and
    `complex_loss`, `snr_loss` (if any), `feature_loss_<tap>`; and `<source>_si_sdr`, dB.

    Args:
        network: from magnitude to a dict of `<source>_mask`, such as `build_or_unet()`.
        compressed_weight: weight ≥ 0 of the square-root term beside eq. (2); 0 is the paper's L1.
        teacher: loss network φ for eq. (3), with the taps to use; None for the L1 alone. It is no
            part of this model's weights.
        carry_batch: None, or the fixed batch size B of training on consecutive segments: the states of
            the recurrent layers go on from batch to batch. x is then a dict of `magnitude` and
            `carry` (B,), 1 where a row continues its last segment, 0 where it begins anew. Bare
            magnitudes (validation) begin anew.
        complex_weight: weight ≥ 0 of the distance of complex spectra beside eq. (2); two sources.
        snr_weight: weight ≥ 0, for each dB, of the error's energy beside eq. (2); two sources.
    """

    def __init__(
        self,
        network: keras.Model,
        compressed_weight: float = 1.0,
        teacher: Teacher | None = None,
        carry_batch: int | None = None,
        complex_weight: float = 0.0,
        snr_weight: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.term_weights = {"compressed": compressed_weight, "complex": complex_weight, "snr": snr_weight}
        for name, weight in self.term_weights.items():
            if weight < 0:
                raise ValueError(f"Separation: {name}_weight must be ≥ 0. Received: {name}_weight={weight}")
        self.network = network
        self.teacher = teacher
        names = ["spectrogram_loss"]
        names += [f"{name}_loss" for name, weight in self.term_weights.items() if weight]
        names += [f"feature_loss_{tap}" for tap in teacher.taps] if teacher else []
        self._term_metrics = [keras.metrics.Mean(name=name) for name in names]
        sources = [name.removesuffix("_mask") for name in network.output]
        self._si_sdr_metrics = {source: keras.metrics.Mean(name=f"{source}_si_sdr") for source in sources}
        self._chunk = None
        if carry_batch is not None:
            self._chunk = build_chunk(network, batch_size=carry_batch)
            self._states = {
                name: self.add_weight(state.shape, "zeros", trainable=False, name=name)
                for name, state in initial_states(self._chunk).items()
            }

    def call(self, x, training=None):
        if not isinstance(x, Mapping):
            return self.network(x, training=training)
        if self._chunk is None:
            return self.network(x["magnitude"], training=training)
        carry = ops.expand_dims(ops.cast(x["carry"], "float32"), -1)
        states = {name: state * carry for name, state in self._states.items()}
        outputs = dict(self._chunk({"magnitude": x["magnitude"], **states}, training=training))
        for name, state in self._states.items():
            # The state goes on, the gradient does not: truncated backpropagation through time.
            state.assign(ops.stop_gradient(ops.cast(outputs.pop(f"new_{name}"), "float32")))
        return outputs

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        terms = self.loss_terms(_magnitude(x), y, y_pred)
        for metric, term in zip(self._term_metrics, terms, strict=True):
            metric.update_state(term)
        # TensorFlow's distribution strategies add the replicas' gradients up; the loss is their mean.
        strategy = getattr(self, "distribute_strategy", None)
        return self.total_loss(terms) / getattr(strategy, "num_replicas_in_sync", 1)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        x = _magnitude(x)
        for source, metric in self._si_sdr_metrics.items():
            value, audible = si_sdr_of_masks(x, y, y_pred, source)
            metric.update_state(value, sample_weight=audible)
        return self.get_metrics_result()

    def total_loss(self, terms: list):
        """Eq. (4) of `loss_terms`; the compressed, the complex and the snr term count with l_0."""
        spectrogram, *features = terms
        for weight in self.term_weights.values():
            if weight:
                spectrogram = spectrogram + weight * features.pop(0)
        return total_loss([spectrogram, *features])

    def loss_terms(self, x, y, masks) -> list:
        """Terms before weighting, for x (B, T, F, C), y and masks by name: l_0; of the compressed, the complex and the
        snr term those that have a weight; then l_1 … l_N.
        """
        scale = 1.0 / (ops.mean(x, axis=(1, 2, 3), keepdims=True) + 1e-6)
        mixture, by_source = x * scale, {source: masks[f"{source}_mask"] for source in y}
        references = {source: y[source] * scale for source in y}
        estimates = {source: mask * mixture for source, mask in by_source.items()}
        terms = [spectrogram_loss(references, estimates)]
        if self.term_weights["compressed"]:
            terms.append(compressed_spectrogram_loss(references, estimates))
        if self.term_weights["complex"]:
            terms.append(complex_spectrogram_loss(mixture, references, by_source))
        if self.term_weights["snr"]:
            terms.append(snr_loss(mixture, references, by_source))
        if self.teacher is not None:
            # At the level of the song: the teacher has learned from such.
            of_references = {source: self.teacher(y[source]) for source in y}
            of_estimates = {source: self.teacher(masks[f"{source}_mask"] * x) for source in y}
            for i in range(len(self.teacher.taps)):
                phi = {source: ops.stop_gradient(features[i]) for source, features in of_references.items()}
                terms.append(feature_loss(phi, {source: features[i] for source, features in of_estimates.items()}))
        return [ops.cast(term, "float32") for term in terms]


def si_sdr_of_masks(x, y, masks, source: str):
    """SI-SDR (Le Roux et al., ICASSP 2019) of a masked mixture, in the STFT domain, from magnitudes alone.

    The estimate M ⊙ X has the mixture's phase, so its product with the complex reference V needs only
    Re(V X*); for a mixture X = V + B of two sources the law of cosines gives it as
    (|X|² + |V|² − |B|²) / 2.

    Args:
        x: mixture's magnitude (B, T, F, C).
        y: magnitudes of its two sources by name.
        masks: `<source>_mask` by name.
        source: whose.

    Returns:
        (B,) dB, clipped to −30 … 50, and (B,) 1 where the reference is above −60 dB of the mixture,
        else 0: what is silent has no SI-SDR.
    """
    if len(y) != 2:
        raise ValueError(f"si_sdr_of_masks: expected two sources. Received: {list(y)}")
    reference = y[source]
    (other,) = (y[name] for name in y if name != source)
    mask = ops.cast(masks[f"{source}_mask"], "float32")

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


def _magnitude(x):
    return x["magnitude"] if isinstance(x, Mapping) else x
