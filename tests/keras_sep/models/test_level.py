"""The loudness that a network divides its input by; what every network has to do: test_networks.py."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_sep.models import build_network, build_or_unet
from keras_sep.models.framewise import at_reference_level, loudness
from keras_sep.models.level import LEAST, REFERENCE, TIME_CONSTANTS, LevelCell, level_layer
from tests.support.networks import SMALL, SMALL_SPEC, magnitude, vocals_mask

FRAMES = 12


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(4)
    return build_or_unet(SMALL, SMALL_SPEC, levelled=True)


def test_the_level_is_the_larger_of_two_averages():
    x = np.random.default_rng(1).uniform(0, 1, (2, 40, 1)).astype(np.float32)
    x[:, 20:] *= 0.1  # there the slower one is larger
    found = np.asarray(level_layer()(x))
    for t in range(40):
        averages = [
            np.average(x[:, : t + 1], axis=1, weights=np.exp(-np.arange(t, -1, -1) / time_constant))
            for time_constant in TIME_CONSTANTS
        ]
        np.testing.assert_allclose(found[:, t], np.maximum(*averages), atol=1e-6)


def test_a_steady_frame_comes_to_the_reference_level():
    x = magnitude(FRAMES) * 300
    x[:] = x[:, :1]
    seen = np.asarray(at_reference_level(x, level_layer()(loudness(x))))
    np.testing.assert_allclose(np.asarray(loudness(seen)), REFERENCE, rtol=1e-4)


def test_loud_and_quiet_songs_get_the_same_masks(model):
    x = magnitude(FRAMES) * 300
    assert np.asarray(loudness(x * 1e-2)).min() > LEAST  # the least level is another matter
    masks = [vocals_mask(model, x * gain) for gain in (1.0, 10.0, 1e-2)]
    for mask in masks[1:]:
        np.testing.assert_allclose(mask, masks[0], atol=1e-4)
    plain = build_or_unet(SMALL, SMALL_SPEC)
    plain.set_weights(model.get_weights())
    masks = [vocals_mask(plain, x * gain) for gain in (1.0, 1e-2)]
    assert np.abs(masks[1] - masks[0]).max() > 1e-2


def test_silence_stays_silent(model):
    silence = np.zeros((1, FRAMES, SMALL_SPEC.num_bins, SMALL_SPEC.num_channels), np.float32)
    seen = np.asarray(at_reference_level(silence + 1e-7, level_layer()(loudness(silence + 1e-7))))
    assert seen.max() < 1e-3
    assert np.isfinite(vocals_mask(model, silence)).all()


def test_the_level_stays_in_float32_beside_bfloat16():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = build_or_unet(SMALL, SMALL_SPEC, levelled=True)
        layer = model.get_layer("level")
        assert layer.output.dtype == layer.cell.compute_dtype == "float32"
        assert np.isfinite(vocals_mask(model, magnitude(4))).all()
    finally:
        keras.mixed_precision.set_global_policy("float32")


def test_the_architecture_has_the_weights_of_the_or_unet():
    plain, model = (build_network(name, "tiny", SMALL_SPEC) for name in ("or_unet", "or_unet_levelled"))
    assert [w.shape for w in model.weights] == [w.shape for w in plain.weights]


def test_long_silence_leaves_no_subnormal_numbers():
    """Of a silence of minutes the last seconds: the averages of what was before it have come down to 1e-36."""
    frames, smallest = 1000, np.finfo(np.float32).tiny
    assert 1e-36 * np.exp(-frames / max(TIME_CONSTANTS)) < smallest  # negative control: there they would be subnormal
    cell = LevelCell()
    states = [np.full((1, 2), 1e-36, np.float32), np.ones((1, 2), np.float32)]
    for _ in range(frames):
        level, states = cell(np.zeros((1, 1), np.float32), states)
    assert np.asarray(level).max() < 1e-10
    assert np.asarray(states[0]).min() > smallest
