"""The OR-U-Net and its convolution; what every network has to do: test_networks.py."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_sep.models import PolyphaseConv1D, build_or_unet
from keras_sep.models.or_unet import CONFIGS
from keras_sep.spec import StreamSpec
from tests.support.networks import SMALL, SMALL_SPEC, magnitude, masks_of


@pytest.mark.parametrize(("size", "millions"), [("s", 0.5), ("m", 1.9), ("l", 8.0)])
def test_sizes(size, millions):
    assert build_or_unet(size).count_params() / 1e6 == pytest.approx(millions, rel=0.1)


def test_the_default_network_takes_the_default_spec():
    model = build_or_unet("s")
    assert model.input.shape == (None, None, 1025, 2)
    assert len(CONFIGS["s"].encoder_channels) == 6  # 1024 → 16 bins


def test_a_spectrum_that_cannot_be_halved_is_named():
    with pytest.raises(ValueError, match=r"6 levels need num_bins - 1 divisible by 64\. Received: num_bins=481"):
        build_or_unet("m", StreamSpec(frame_length=960, frame_step=240, fft_length=960))


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
    x = magnitude(4) * 300
    shares, masks = masks_of(shared, x), masks_of(own, x)
    total = sum(masks.values())
    assert np.abs(total - 1).max() > 0.1
    np.testing.assert_allclose(sum(shares.values()), 1, atol=1e-4)
    for name, mask in masks.items():
        np.testing.assert_allclose(shares[name], mask / total, atol=1e-4)
