"""The pull of each term of eq. (5) on a network: its size, its gradient, and how far that agrees with l_0's.

A feature loss can only change what is learned if its gradient is not small beside that of l_0, and points elsewhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from common.markdown import table
from common.runs import load_best
from keras_sep.losses import loss_weights
from keras_sep.models import Unet
from keras_sep.separation import Separation
from keras_sep.spec import StreamSpec
from keras_sep.teachers import Teacher
from training.data.batches import validation_segments
from training.data.datasets import load_split
from training.engine.warm_start import load_init, same_spec

L_0 = "spectrogram_loss"
EDGES_HZ = (1000.0, 4000.0)  # between what a table calls low, middle and high
NUM_TAPS = 4  # the paper's N
QUIETER = 0.1  # −20 dB
_BATCH = 4


def loss_gradients(network: str, teacher: Path, data: Path, cache: Path, num_frames: int, count: int) -> str:
    """Measures l_0 and the feature loss of every tap on mixtures of the validation split; returns a Markdown table.

    Columns: the term's value; its gradient with respect to the network's weights, relative to that of l_0 (Euclidean
    norms; means over batches of 4); the same times its weight relative to l_0's in eq. (5), for the first N = 4 taps,
    or as many as the encoder has; the cosine between both gradients; how its gradient with respect to the masks is
    shared by frequencies; and its value when everything is 20 dB quieter, relative to its value as it is.

    Args:
        network: preset with a Keras network, or run folder.
        teacher: run folder of a U-Net.
        data: folder of stems with the split valid.
        cache: folder for decoded audio.
        num_frames: length of a mixture in frames, a multiple of the U-Net's patch step.
        count: number of mixtures, ≥ 1.

    Raises:
        ValueError: an argument that does not fit, or a Keras backend other than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(f"losses: expected KERAS_BACKEND=tensorflow. Received: {keras.backend.backend()}")
    student, unet = load_init(network), load_best(teacher)
    if not isinstance(unet, Unet):
        raise ValueError(f"--teacher: expected a run of a U-Net. Received: {teacher}, {unet.name}")
    if num_frames % unet.least_frames:
        raise ValueError(f"--frames: expected a multiple of {unet.least_frames}. Received: {num_frames}")
    spec = same_spec({str(teacher): unet.spec, network: dataclasses.replace(student.spec, views=None)})
    model = Separation(student, Teacher(unet, unet.tap_names))
    x, y = validation_segments(load_split(data, "valid", cache, spec.sample_rate), student.spec, num_frames, count)
    batches = [
        (x[i : i + _BATCH], {source: y[source][i : i + _BATCH] for source in y}) for i in range(0, count, _BATCH)
    ]
    weights = loss_weights(min(NUM_TAPS, len(unet.down)))
    return _table([_measure(model, *batch) for batch in batches], weights, spec)


def _measure(
    model: Separation, x: npt.NDArray[np.float32], y: dict[str, npt.NDArray[np.float32]]
) -> dict[str, tuple[float, ...]]:
    """Measures a batch: of each term its value, gradient norm, cosine with l_0, quieter value and (F,) shares."""
    import tensorflow as tf

    variables = model.network.trainable_variables
    with tf.GradientTape(persistent=True) as tape:
        masks = model.network(x, training=False)
        terms = model.loss_terms(x, y, masks)
    quiet = {source: QUIETER * y[source] for source in y}
    quieter = model.loss_terms(QUIETER * x, quiet, model.network(QUIETER * x, training=False))
    found, first = {}, None
    for name, value in terms.items():
        gradient = _flat(tape.gradient(value, [variable.value for variable in variables]))
        first = gradient if first is None else first
        norm = float(np.linalg.norm(gradient))
        cosine = float(gradient @ first / (norm * np.linalg.norm(first)))
        of_masks = tape.gradient(value, list(masks.values()))
        by_bin = sum(np.abs(part.numpy()).sum(axis=(0, 1, 3)) for part in of_masks)
        found[name] = (float(value), norm, cosine, float(quieter[name]), *(by_bin / by_bin.sum()))
    return found


def _flat(gradients: Sequence[object]) -> npt.NDArray[np.float64]:
    return np.concatenate([np.ravel(np.asarray(part, np.float64)) for part in gradients if part is not None])


def _table(measured: Sequence[dict[str, tuple[float, ...]]], weights: Sequence[float], spec: StreamSpec) -> str:
    edges = [round(edge / spec.sample_rate * spec.fft_length) for edge in EDGES_HZ]
    means = {name: np.mean([batch[name] for batch in measured], axis=0) for name in measured[0]}
    norm_of_l0 = means[L_0][1]
    rows = []
    for i, (name, (value, norm, cosine, quieter, *shares)) in enumerate(means.items()):
        weighted = f"{norm / norm_of_l0 * weights[i] / weights[0]:.3f}" if i < len(weights) else "–"
        parts = " / ".join(f"{100 * part.sum():.0f}" for part in np.split(np.array(shares), edges))
        label = "l_0" if name == L_0 else name.removeprefix("feature_loss_")
        relative = [f"{norm / norm_of_l0:.3f}", weighted, f"{cosine:.2f}", parts, f"{quieter / value:.2f}"]
        rows.append([label, f"{value:.4f}", *relative])
    low, high = (f"{edge / 1000:g}" for edge in EDGES_HZ)
    heads = [
        "term",
        "value",
        "gradient, relative to l_0's",
        f"× its weight for N = {len(weights) - 1}",
        "cosine with l_0's gradient",
    ]
    heads += [f"below {low} / to {high} / above {high} kHz, %", "20 dB quieter"]
    return table(heads, rows)
