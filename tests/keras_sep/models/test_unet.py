"""The 2-D U-Net; what every network has to do: test_networks.py."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_sep.models import UnetConfig, build_or_unet, build_unet
from keras_sep.spec import StreamSpec
from tests.support.networks import SMALL, SMALL_SPEC, SMALL_UNET, magnitude, vocals_mask


@pytest.mark.parametrize(("size", "millions"), [("s", 2.459), ("m", 9.828), ("l", 39.290)])
def test_sizes(size, millions):
    assert build_unet(size).count_params() / 1e6 == pytest.approx(millions, abs=0.001)


def test_size_m_is_jansson_s_layers():
    model = build_unet("m")
    assert model.input.shape == (None, None, 1025, 2)
    encoder = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    decoder = [layer for layer in model.layers if isinstance(layer, layers.Conv2DTranspose)]
    encoder = [layer for layer in encoder if layer not in decoder]
    assert [layer.filters for layer in encoder] == [16, 32, 64, 128, 256, 512]
    assert [layer.filters for layer in decoder] == [256, 128, 64, 32, 16, 4]  # 2 sources of 2 channels
    for layer in [*encoder, *decoder]:
        assert (layer.kernel_size, layer.strides, layer.padding) == ((5, 5), (2, 2), "same")
    activations = [layer for layer in model.layers if isinstance(layer, layers.LeakyReLU)]
    assert [layer.name for layer in activations] == [f"down_{level}" for level in range(1, 7)]
    assert [layer.negative_slope for layer in activations] == pytest.approx([0.2] * 6)
    dropouts = {layer.name: layer.rate for layer in model.layers if isinstance(layer, layers.Dropout)}
    assert dropouts == {"up_5_dropout": 0.5, "up_4_dropout": 0.5, "up_3_dropout": 0.5}
    # Each level of the encoder halves, each but the lowest is skipped to the decoder.
    assert [model.get_layer(f"down_{level}").output.shape[2] for level in range(1, 7)] == [512, 256, 128, 64, 32, 16]
    assert [model.get_layer(f"{name}_skip").output.shape[-1] for name in ("up_4", "up_1", "mask")] == [512, 64, 32]


def test_dropout_works_in_training_only():
    x = magnitude(8)
    model, plain = (build_unet(config, SMALL_SPEC) for config in (SMALL_UNET, UnetConfig((4, 6, 8), dropout=0.0)))
    np.testing.assert_array_equal(vocals_mask(model, x), vocals_mask(model, x))
    assert np.abs(vocals_mask(model, x, training=True) - vocals_mask(model, x, training=True)).max() > 1e-3
    # Negative control: without dropout two training passes are the same.
    difference = vocals_mask(plain, x, training=True) - vocals_mask(plain, x, training=True)
    assert np.abs(difference).max() < 1e-6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_frames": 65}, "num_frames must be a multiple of 64.*num_frames=65"),
        ({"spec": StreamSpec(frame_length=960, frame_step=240, fft_length=960)}, "divisible by 64.*num_bins=481"),
    ],
)
def test_what_cannot_be_built_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_unet(**arguments)
    assert build_unet(SMALL_UNET, SMALL_SPEC, num_frames=24).input.shape[1] == 24  # 3 levels: a multiple of 8


def test_masks_stay_float32_in_mixed_precision():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build_unet(SMALL_UNET, SMALL_SPEC)
    finally:
        keras.config.set_dtype_policy(policy)
    assert model.get_layer("down_1").compute_dtype == "float16"
    masks = model(magnitude(8))
    assert {keras.backend.standardize_dtype(mask.dtype) for mask in masks.values()} == {"float32"}
    assert np.all(np.isfinite(ops.convert_to_numpy(masks["vocals_mask"])))


class Gain(layers.Layer):
    """x · gain, which is zero at first: what follows sees silence, and `gain` its gradient there."""

    def build(self, input_shape):
        self.gain = self.add_weight((), "zeros", name="gain")

    def call(self, x):
        return x * self.gain


@pytest.mark.parametrize(
    ("network", "is_finite"),
    [
        (lambda: build_unet(SMALL_UNET, SMALL_SPEC), True),
        # Negative control: without EPSILON the fourth root has no gradient at zero.
        (lambda: build_or_unet(SMALL, SMALL_SPEC), False),
    ],
)
def test_the_gradient_at_silence_is_finite(network, is_finite):
    x = magnitude(8)
    gain = Gain()
    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, network()(gain(inputs))["vocals_mask"])
    model.compile(keras.optimizers.SGD(1e-3), loss="mae", run_eagerly=True)
    model.train_on_batch(x, np.ones_like(x))
    assert bool(np.isfinite(float(gain.gain))) == is_finite
    assert float(gain.gain) != 0.0
