from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_sep.models import OrUnetConfig, PolyphaseConv1D, build_or_unet, load_network
from keras_sep.models.or_unet import CONFIGS
from keras_sep.separation import Separation
from keras_sep.spec import StreamSpec

SMALL_SPEC = StreamSpec(frame_length=256, frame_step=64, fft_length=256)
SMALL = OrUnetConfig((6, 8, 10), (10, 8, 6), squeeze_channels=4, gru_units=12, expand_channels=6)


def magnitude(frames: int, spec: StreamSpec = SMALL_SPEC, batch: int = 1) -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.abs(rng.standard_normal((batch, frames, spec.num_bins, spec.num_channels))).astype(np.float32)


def as_if_trained(seed: int, **options) -> keras.Model:
    """A small network whose normalisation and state matter, as after training."""
    keras.utils.set_random_seed(seed)
    model = build_or_unet(SMALL, SMALL_SPEC, **options)
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if "norm" in variable.path:
            variable.assign(variable + rng.uniform(0, 0.5, variable.shape))
    return model


@pytest.mark.parametrize(("size", "millions"), [("s", 0.5), ("m", 1.9), ("l", 8.0)])
def test_sizes(size, millions):
    assert build_or_unet(size).count_params() / 1e6 == pytest.approx(millions, rel=0.1)


def test_masks_have_the_shape_of_the_magnitude_and_lie_in_0_to_1():
    x = magnitude(7, batch=2)
    masks = build_or_unet(SMALL, SMALL_SPEC).predict(x, verbose=0)
    assert set(masks) == {"vocals_mask", "accompaniment_mask"}
    for mask in masks.values():
        assert mask.shape == x.shape
        assert mask.min() >= 0
        assert mask.max() <= 1
        np.testing.assert_array_equal(mask[:, :, -1], mask[:, :, -2])  # Nyquist takes its neighbour's


def test_the_default_network_takes_the_default_spec():
    model = build_or_unet("s")
    assert model.input.shape == (None, None, 1025, 2)
    assert len(CONFIGS["s"].encoder_channels) == 6  # 1024 → 16 bins


def test_masks_depend_on_the_past_and_not_on_the_future():
    keras.utils.set_random_seed(10)  # initial weights hear little of the past, some nothing
    model, x = build_or_unet(SMALL, SMALL_SPEC), magnitude(9)
    changed = x.copy()
    changed[:, 4] += 1.0
    a, b = (model.predict(value, verbose=0)["vocals_mask"] for value in (x, changed))
    np.testing.assert_allclose(a[:, :4], b[:, :4], atol=1e-6)
    assert np.abs(a[:, 5:] - b[:, 5:]).max() > 1e-4


def test_save_and_load(tmp_path):
    model, x = build_or_unet(SMALL, SMALL_SPEC), magnitude(4)
    model.save(tmp_path / "m.keras")
    loaded = load_network(tmp_path / "m.keras")
    np.testing.assert_allclose(
        loaded.predict(x, verbose=0)["vocals_mask"], model.predict(x, verbose=0)["vocals_mask"], atol=1e-6
    )


def test_fit_lowers_the_loss():
    keras.utils.set_random_seed(1)
    x = magnitude(16, batch=4)
    pattern = (np.arange(SMALL_SPEC.num_bins) % 16 < 8).astype(np.float32)[None, None, :, None]
    y = {"vocals": x * pattern, "accompaniment": x * (1 - pattern)}
    model = Separation(build_or_unet(SMALL, SMALL_SPEC))
    model.compile(keras.optimizers.Adam(1e-2))
    history = model.fit(x, y, epochs=12, verbose=0).history["loss"]
    assert history[-1] < 0.7 * history[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": "xl"}, "size must be one of s, m, l"),
        ({"stateful": True}, "batch_size"),
        ({"spec": StreamSpec(frame_length=960, frame_step=240, fft_length=960)}, "divisible by 64"),
    ],
)
def test_what_cannot_be_built_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_or_unet(**arguments)


@pytest.mark.parametrize(("kernel_size", "phases"), [(3, 4), (5, 2), (1, 4), (3, 1)])
def test_polyphase_is_the_plain_convolution(kernel_size, phases):
    rng = np.random.default_rng(6)
    a, b = (rng.standard_normal((2, 16, channels)).astype(np.float32) for channels in (5, 2))
    plain = keras.layers.Conv1D(3, kernel_size, padding="same")
    expected = plain(np.concatenate([a, b], axis=-1))
    layer = PolyphaseConv1D(3, kernel_size, phases)
    layer.build([a.shape, b.shape])
    layer.set_weights([plain.get_weights()[0], rng.standard_normal(3).astype(np.float32)])
    assert np.abs(layer([a, b]) - expected).max() > 0.1  # another bias is seen
    layer.set_weights(plain.get_weights())
    np.testing.assert_allclose(layer([a, b]), expected, atol=1e-5)
    parts = PolyphaseConv1D(3, kernel_size, phases, num_outputs=3)
    parts.build([a.shape, b.shape])
    parts.set_weights(plain.get_weights())
    np.testing.assert_allclose(np.concatenate(parts([a, b]), axis=-1), expected, atol=1e-5)
    assert PolyphaseConv1D.from_config(parts.get_config()).get_config() == parts.get_config()
    assert PolyphaseConv1D.from_config(layer.get_config()).get_config() == layer.get_config()


def test_masks_that_sum_to_one_share_out_the_mixture():
    keras.utils.set_random_seed(5)
    shared, own = build_or_unet(SMALL, SMALL_SPEC, sum_to_one=True), build_or_unet(SMALL, SMALL_SPEC)
    own.get_layer("decoder").get_layer("mask_conv").bias.assign([2.0, 1.0, -1.0, 0.5])  # sums far from one
    shared.set_weights(own.get_weights())
    x = magnitude(8) * 300
    shares, masks = shared.predict(x, verbose=0), own.predict(x, verbose=0)
    total = sum(masks.values())
    assert np.abs(total - 1).max() > 0.1
    np.testing.assert_allclose(sum(shares.values()), 1, atol=1e-4)
    for name, mask in masks.items():
        np.testing.assert_allclose(shares[name], mask / total, atol=1e-4)
