"""Small networks, one of each architecture, and magnitudes to try them on."""

from __future__ import annotations

import keras
import numpy as np

from keras_sep.models import LstmConfig, OrUnetConfig, UnetConfig, build_lstm, build_or_unet
from keras_sep.models.recurrent_skip import RecurrentSkip
from keras_sep.spec import StreamSpec
from keras_sep.streaming import build_chunk, build_step, initial_states

SMALL_SPEC = StreamSpec(frame_length=256, frame_step=64, fft_length=256)
SMALL = OrUnetConfig((6, 8, 10), (10, 8, 6), squeeze_channels=4, gru_units=12, expand_channels=6)
SMALL_LSTM = LstmConfig((12, 10, 8))
SMALL_UNET = UnetConfig((4, 6, 8))
BINS = (np.arange(SMALL_SPEC.num_bins) % 16 < 8).astype(np.float32)[None, None, :, None]


def magnitude(frames: int, spec: StreamSpec = SMALL_SPEC, batch: int = 1) -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.abs(rng.standard_normal((batch, frames, spec.num_bins, spec.num_channels))).astype(np.float32)


def song(frames: int = 16, batch: int = 2) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A mixture whose sources share no bin, and the sources."""
    x = magnitude(frames, batch=batch)
    return x, {"vocals": x * BINS, "accompaniment": x * (1 - BINS)}


def move_normalisation(model: keras.Model, seed: int) -> None:
    """Gives batch normalisations other values than the initial ones, which change nothing."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if "norm" in variable.path:
            variable.assign(variable + rng.uniform(0, 0.5, variable.shape))


def wake(model: keras.Model, seed: int = 5) -> keras.Model:
    """Makes everything in a new network matter, as after training; returns it.

    Initial weights hear little of the past, and memories add nothing at first.
    """
    move_normalisation(model, seed)
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if "recurrent_kernel" in variable.path or "mask_dense" in variable.path:
            variable.assign(variable * 2)
    for layer in model.layers:
        if isinstance(layer, RecurrentSkip):
            layer.dense.set_weights([rng.standard_normal(w.shape) for w in layer.dense.get_weights()])
    return model


def masks_of(model: keras.Model, x, training: bool = False) -> dict[str, np.ndarray]:
    """Masks by name, by a plain call: `predict` compiles each new model first, which takes longer than a few frames."""
    return {name: keras.ops.convert_to_numpy(mask) for name, mask in model(x, training=training).items()}


def vocals_mask(model: keras.Model, x, training: bool = False) -> np.ndarray:
    """The one of `masks_of` that most tests look at."""
    return masks_of(model, x, training)["vocals_mask"]


def as_if_trained(seed: int, **options) -> keras.Model:
    """A small OR-U-Net whose normalisation and state matter, as after training."""
    keras.utils.set_random_seed(seed)
    model = build_or_unet(SMALL, SMALL_SPEC, **options)
    move_normalisation(model, seed)
    return model


def lstm_as_if_trained(seed: int) -> keras.Model:
    """A small LSTM whose normalisation and states matter, as after training."""
    keras.utils.set_random_seed(seed)
    model = build_lstm(SMALL_LSTM, SMALL_SPEC)
    move_normalisation(model, seed)
    for variable in model.weights:
        if "recurrent_kernel" in variable.path or "mask_dense" in variable.path:
            variable.assign(variable * 2)
    return model


def run_steps(step: keras.Model, x: np.ndarray, carry: bool = True) -> np.ndarray:
    """The vocals' masks of a step model, frame by frame; without `carry` its states stay zero."""
    states, masks = initial_states(step), []
    for t in range(x.shape[1]):
        outputs = step.predict_on_batch({"magnitude": x[:, t : t + 1], **states})
        masks.append(outputs["vocals_mask"])
        if carry:
            states = {name: outputs[f"new_{name}"] for name in states}
    return np.concatenate(masks, axis=1)


def run_chunks(chunk: keras.Model, x: np.ndarray, cuts: tuple[int, ...], carry: bool = True) -> np.ndarray:
    """The vocals' masks of a chunk model, cut at `cuts`; without `carry` its states stay zero."""
    states, masks = initial_states(chunk, batch_size=len(x)), []
    for part in np.split(x, cuts, axis=1):
        outputs = chunk({"magnitude": keras.ops.convert_to_tensor(part), **states}, training=False)
        masks.append(keras.ops.convert_to_numpy(outputs["vocals_mask"]))
        if carry:
            states = {name: outputs[f"new_{name}"] for name in states}
    return np.concatenate(masks, axis=1)


def assert_steps_and_chunks_agree(model: keras.Model, x: np.ndarray, cuts: tuple[int, ...] = (1, 12)) -> None:
    """Frames and chunks give the masks of the whole sequence within 1e-5, and would not without their states."""
    expected = vocals_mask(model, x)
    step, chunk = build_step(model), build_chunk(model)
    np.testing.assert_allclose(run_steps(step, x), expected, atol=1e-5)
    np.testing.assert_allclose(run_chunks(chunk, x, cuts), expected, atol=1e-5)
    # Negative controls: dropped states and a shifted frame are seen.
    assert np.abs(run_steps(step, x, carry=False) - expected).max() > 1e-3
    assert np.abs(run_chunks(chunk, x, cuts, carry=False) - expected).max() > 1e-3
    assert np.abs(run_steps(step, np.roll(x, 1, axis=1)) - expected).max() > 1e-3
