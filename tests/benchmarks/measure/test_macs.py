"""Multiplications counted from a file."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest
import tensorflow as tf

from benchmarks.measure import macs
from benchmarks.measure.measured_files import converted as converted_files
from benchmarks.measure.measured_files import shipped
from keras_sep.models import load_network
from keras_sep.presets import DEFAULT_PRESET
from keras_sep.store import ASSETS
from tests.support.tflite import to_tflite


def test_multiplications_against_a_count_by_hand(tmp_path):
    x = keras.Input((8, 6, 3), batch_size=1)
    y = keras.layers.Conv2D(5, 3, strides=2, padding="same")(x)  # 4 × 3 × 5 outputs of 3 × 3 × 3
    y = keras.layers.DepthwiseConv2D(3, padding="same")(y)  # 4 × 3 × 5 outputs of 3 × 3
    y = keras.layers.Conv2DTranspose(2, 2, strides=2)(y)  # 4 × 3 × 5 inputs to 2 × 2 × 2
    y = keras.layers.Flatten()(y)  # 8 × 6 × 2
    y = keras.layers.Dense(7)(y)
    path = tmp_path / "hand.tflite"
    model = keras.Model(x, y)
    path.write_bytes(to_tflite(tf.function(model).get_concrete_function(tf.TensorSpec((1, 8, 6, 3)))))
    assert macs.multiplications(path) == 60 * 27 + 60 * 9 + 60 * 8 + 96 * 7


def products(config, positions: int, views: int) -> int:
    """Of a `BinMemoryUnet` with this many positions and views, counted from its configuration."""
    total, channels = 0, views
    for filters in config.encoder_channels:
        positions //= 2
        total += positions * filters * config.encoder_kernel * channels
        channels = filters
    squeezed = positions * config.squeeze_channels
    total += squeezed * channels
    total += 3 * config.gru_units * (squeezed + config.gru_units)
    total += config.gru_units * positions * config.expand_channels
    channels, level = config.expand_channels, len(config.encoder_channels)
    for filters, skip in zip(config.decoder_channels, reversed(config.encoder_channels), strict=True):
        if level == config.memory_level:
            # The memories of the skip connection and of the decoder: a GRU's products and the Dense layer, each bin.
            units = config.memory_units
            for own in (skip, skip + channels):
                total += positions * (3 * units * (own + units) + units * own)
        total += positions * 2 * filters * config.decoder_kernel * (channels + skip)
        positions, channels, level = 2 * positions, filters, level - 1
    # Four positions at once: a kernel of 3 over 4 · (channels + views), three quarters of them zeros, to 4 · 4 masks.
    return total + positions // 4 * (4 * 4) * 3 * (4 * (channels + views))


@pytest.mark.whole_size
def test_multiplications_of_the_shipped_files_are_those_of_the_architecture():
    network = load_network(ASSETS / f"{DEFAULT_PRESET}.keras")
    total = products(network.config, network.bands.num_bands, network.spec.num_views)
    assert {file.label: macs.multiplications(file.path) for file in shipped()} == {
        file.label: total for file in shipped()
    }


def test_both_formats_multiply_alike(models):
    files = converted_files(models)
    assert len({macs.multiplications(file.path) for file in files}) == 1
    assert {file.path.suffix for file in files} == {".tflite", ".onnx"}


def test_a_layer_that_hides_its_work_has_no_figure(monkeypatch):
    shapes = [(1, 4)], (1, 4)
    monkeypatch.setattr(macs, "_tflite", lambda path: [("UNIDIRECTIONAL_SEQUENCE_LSTM", *shapes)])
    assert macs.multiplications(Path("x.tflite")) is None
