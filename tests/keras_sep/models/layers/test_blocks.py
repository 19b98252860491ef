from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_sep.models.layers.blocks import ConvBlock, UpBlock, compress


def signal(*shape: int) -> np.ndarray:
    return np.random.default_rng(4).standard_normal(shape).astype(np.float32)


def test_compress_is_the_fourth_root():
    x = np.abs(signal(2, 8, 2)) * 1e3
    np.testing.assert_allclose(compress(x), x**0.25, rtol=1e-5)
    assert float(compress(0.0)) == 0.0


@pytest.mark.parametrize("strides", [1, 2])
def test_a_block_convolves_normalises_and_rectifies(strides):
    block, x = ConvBlock(6, 5, strides), signal(3, 16, 4)
    found = ops.convert_to_numpy(block(x))
    assert found.shape == block.compute_output_shape(x.shape) == (3, 16 // strides, 6)
    block.norm.set_weights([2 * np.ones(6), signal(6), signal(6), np.full(6, 3.0)])
    gamma, beta, mean, variance = block.norm.get_weights()
    plain = ops.convert_to_numpy(block.conv(x))
    expected = np.maximum(gamma * (plain - mean) / np.sqrt(variance + block.norm.epsilon) + beta, 0)
    np.testing.assert_allclose(block(x), expected, atol=1e-5)
    assert np.abs(expected - found).max() > 0.1
    assert ConvBlock.from_config(block.get_config()).get_config() == block.get_config()


def test_in_training_it_normalises_by_the_batch():
    block, x = ConvBlock(6, 5), 3 + 5 * signal(8, 16, 4)
    found = ops.convert_to_numpy(block(x, training=True))
    plain = ops.convert_to_numpy(block.conv(x)).reshape(-1, 6)
    expected = np.maximum((plain - plain.mean(axis=0)) / np.sqrt(plain.var(axis=0) + block.norm.epsilon), 0)
    np.testing.assert_allclose(found.reshape(-1, 6), expected, atol=1e-3)


def test_neighbours_come_from_the_channels_of_one_position():
    """Sub-pixel convolution: output 2 · p takes the first half of position p's channels, 2 · p + 1 the second."""
    up, x = UpBlock(6, 3), signal(3, 8, 4)
    found, channels = ops.convert_to_numpy(up(x)), ops.convert_to_numpy(up.block(x))
    assert found.shape == up.compute_output_shape(x.shape) == (3, 16, 6)
    np.testing.assert_allclose(found[:, ::2], channels[..., :6], atol=1e-6)
    np.testing.assert_allclose(found[:, 1::2], channels[..., 6:], atol=1e-6)
    assert UpBlock.from_config(up.get_config()).get_config() == up.get_config()
