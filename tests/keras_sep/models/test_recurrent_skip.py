"""Memories for each bin; networks that have them, and what every network has to do: test_networks.py."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_sep.models import build_network, build_or_unet
from keras_sep.models.recurrent_skip import RecurrentSkip
from tests.support.networks import SMALL, SMALL_SPEC, magnitude, masks_of, vocals_mask

FRAMES = 6

MEMORIES = [
    {"recurrent_skips": (2, 1)},
    {"decoder_memories": (1, 3)},
    {"recurrent_skips": (2,), "decoder_memories": (2,), "memory_units": 7},
]


@pytest.mark.parametrize("memories", MEMORIES, ids="+".join)
def test_at_first_a_network_with_memories_is_a_plain_one(memories):
    model = build_or_unet(SMALL, SMALL_SPEC, levelled=True, **memories)
    plain = build_or_unet(SMALL, SMALL_SPEC, levelled=True)
    weights = {weight.path: weight for weight in model.weights}
    x = magnitude(FRAMES)
    before = vocals_mask(plain, x)
    for weight in plain.weights:
        weight.assign(weights[weight.path])
    found, expected = masks_of(model, x), masks_of(plain, x)
    for name, mask in expected.items():
        np.testing.assert_allclose(found[name], mask, atol=1e-6)
    assert np.abs(before - found["vocals_mask"]).max() > 1e-3  # negative control: with other weights it is not


@pytest.mark.parametrize("units", [None, 6])
def test_each_bin_goes_through_the_same_gru(units):
    keras.utils.set_random_seed(6)
    x = np.random.default_rng(6).standard_normal((2, 7, 3, 4))
    layer, width = RecurrentSkip(1, bins=3, channels=4, units=units), units or 4
    layer.build(x.shape)
    layer.dense.set_weights([np.eye(width, 4, dtype=np.float32), np.zeros(4, np.float32)])
    y, state = (np.asarray(value) for value in layer(x.astype(np.float32)))
    gru = keras.layers.GRU(width, return_sequences=True)
    gru.build((None, None, 4))
    gru.set_weights(layer.gru.get_weights())
    for bin_ in range(3):
        found = np.asarray(gru(x[:, :, bin_].astype(np.float32)))
        np.testing.assert_allclose(y[:, :, bin_], x[:, :, bin_] + found[..., :4], atol=1e-5)
        np.testing.assert_allclose(state.reshape(2, 3, width)[:, bin_], found[:, -1], atol=1e-5)


def test_memory_costs_few_parameters():
    plain, model = build_network("or_unet", "s"), build_network("or_unet_recurrent_skips", "s")
    assert 1.0 < model.count_params() / plain.count_params() < 1.02
    assert 1.0 < build_network("or_unet_memories", "s").count_params() / plain.count_params() < 1.1


@pytest.mark.parametrize("name", ["recurrent_skips", "decoder_memories"])
@pytest.mark.parametrize("levels", [(0,), (4,), (1, 9)])
def test_levels_that_there_are_not_are_refused(name, levels):
    with pytest.raises(ValueError, match=f"{name} must be levels from 1 to 3"):
        build_or_unet(SMALL, SMALL_SPEC, **{name: levels})
