"""The 2-D U-Net; what every network has to do: test_networks.py."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_sep.models import OrUnet, Unet
from keras_sep.spec import StreamSpec
from tests.support.networks import SMALL_SPEC, magnitude, small_network, vocals_mask


@pytest.mark.parametrize(("size", "millions"), [("s", 2.459), ("m", 9.828), ("l", 39.290)])
def test_sizes(size, millions):
    assert Unet(size).count_params() / 1e6 == pytest.approx(millions, abs=0.001)


def test_size_m_is_jansson_s_layers():
    network = Unet("m")
    encoder = [level.conv for level in network.down]
    decoder = [*(level.conv for level in network.up), network.mask]
    found = {
        id(layer) for layer in network._flatten_layers() if isinstance(layer, (layers.Conv2D, layers.Conv2DTranspose))
    }
    assert found == {id(layer) for layer in [*encoder, *decoder]}
    assert [layer.filters for layer in encoder] == [16, 32, 64, 128, 256, 512]
    assert [layer.filters for layer in decoder] == [256, 128, 64, 32, 16, 4]  # 2 sources of 2 channels
    for kind, part in ((layers.Conv2D, encoder), (layers.Conv2DTranspose, decoder)):
        for layer in part:
            assert type(layer) is kind
            assert (layer.kernel_size, layer.strides, layer.padding) == ((5, 5), (2, 2), "same")
    dropouts = {level.name: level.dropout.rate for level in network.up if level.dropout.rate}
    assert dropouts == {"up_5": 0.5, "up_4": 0.5, "up_3": 0.5}
    assert not any(level.dropout.rate for level in network.down)
    assert network.least_frames == 64
    assert network.tap_names == (*(f"down_{i}" for i in range(1, 7)), *(f"up_{i}" for i in range(5, 0, -1)))


def test_each_level_halves_and_each_but_the_lowest_is_skipped_to_the_decoder():
    network = small_network(3, Unet)
    found = {name: tuple(value.shape) for name, value in network.features(magnitude(8))}
    assert found == {
        "down_1": (1, 4, 20, 4),
        "down_2": (1, 2, 10, 6),
        "down_3": (1, 1, 5, 8),
        "up_2": (1, 2, 10, 6),
        "up_1": (1, 4, 20, 4),
        "mask_input": (1, 4, 20, 8),  # of the last level and of the first
    }
    assert [level.conv.kernel.shape[-1] for level in network.up] == [8, 12]  # 6 of the decoder, 6 of the encoder


@pytest.mark.parametrize(("name", "negative"), [("down_1", 0.2), ("up_1", 0.0)])
def test_the_encoder_is_leaky_and_the_decoder_is_not(name, negative):
    network = small_network(3, Unet)
    level = next(level for level in (*network.down, *network.up) if level.name == name)
    rng = np.random.default_rng(3)
    x = rng.standard_normal((1, 4, 8, level.conv.kernel.shape[3 if level.is_up else 2])).astype(np.float32)
    plain = ops.convert_to_numpy(level.norm(level.conv(x)))
    np.testing.assert_allclose(level(x), np.where(plain > 0, plain, negative * plain), atol=1e-6)
    assert plain.min() < -0.1


def test_dropout_works_in_training_only():
    x = magnitude(8)
    network, plain = (Unet(size, SMALL_SPEC) for size in ("tiny", dataclasses.replace(Unet.SIZES["tiny"], dropout=0.0)))
    np.testing.assert_array_equal(vocals_mask(network, x), vocals_mask(network, x))
    assert np.abs(vocals_mask(network, x, training=True) - vocals_mask(network, x, training=True)).max() > 1e-3
    # Negative control: without dropout two training passes are the same.
    difference = vocals_mask(plain, x, training=True) - vocals_mask(plain, x, training=True)
    assert np.abs(difference).max() < 1e-6


def test_bands_that_cannot_be_halved_are_named():
    with pytest.raises(ValueError, match=r"Unet: 6 levels need a number of bands divisible by 64\. Received: 150"):
        Unet("m", StreamSpec(frame_length=960, frame_step=240, fft_length=960))


def test_a_patch_of_other_than_whole_steps_is_refused():
    network = Unet("tiny", SMALL_SPEC)
    with pytest.raises(ValueError, match=r"number of frames must be a multiple of 8\. Received: 12"):
        network(magnitude(12))
    assert vocals_mask(network, magnitude(24)).shape == (1, 24, 129, 2)


class Gain(layers.Layer):
    """x · gain, which is zero at first: what follows sees silence, and `gain` its gradient there."""

    def build(self, input_shape):
        self.gain = self.add_weight((), "zeros", name="gain")

    def call(self, x):
        return x * self.gain


@pytest.mark.parametrize(
    ("kind", "is_finite"),
    [
        (Unet, True),
        (OrUnet, False),  # negative control: without EPSILON the fourth root has no gradient at zero
    ],
)
def test_the_gradient_at_silence_is_finite(kind, is_finite):
    x, gain = magnitude(8), Gain()
    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, kind("tiny", SMALL_SPEC)(gain(inputs))["vocals_mask"])
    model.compile(keras.optimizers.SGD(1e-3), loss="mae", run_eagerly=True)
    model.train_on_batch(x, np.ones_like(x))
    assert bool(np.isfinite(float(gain.gain))) == is_finite
    assert float(gain.gain) != 0.0
