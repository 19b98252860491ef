from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_sep.models import build_network, build_or_unet, load_network
from keras_sep.models.recurrent_skip import RecurrentSkip
from keras_sep.streaming import build_chunk, build_step, reset_state
from tests.test_or_unet import SMALL, SMALL_SPEC, magnitude
from tests.test_streaming import assert_steps_and_chunks_agree

FRAMES = 30


def with_memory(**options) -> keras.Model:
    return build_or_unet(SMALL, SMALL_SPEC, levelled=True, recurrent_skips=(2, 1), **options)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(5)
    model, rng = with_memory(), np.random.default_rng(5)
    for index in (1, 2):  # as if trained: at first they add nothing
        dense = model.get_layer(f"skip_memory_{index}").dense
        dense.set_weights([rng.standard_normal(w.shape).astype(np.float32) for w in dense.get_weights()])
    return model


@pytest.fixture(scope="module")
def expected(model) -> np.ndarray:
    return model.predict(magnitude(FRAMES), verbose=0)["vocals_mask"]


def test_at_first_a_skip_connection_with_memory_is_a_plain_one():
    model, plain = with_memory(), build_or_unet(SMALL, SMALL_SPEC, levelled=True)
    for name in ("encoder", "decoder", "gru"):
        plain.get_layer(name).set_weights(model.get_layer(name).get_weights())
    x = magnitude(FRAMES)
    for name, mask in plain.predict(x, verbose=0).items():
        np.testing.assert_allclose(model.predict(x, verbose=0)[name], mask, atol=1e-6)


def test_each_bin_goes_through_the_same_gru():
    keras.utils.set_random_seed(6)
    layer, x = RecurrentSkip(1, bins=3, channels=4), np.random.default_rng(6).standard_normal((2, 7, 3, 4))
    layer.build(x.shape)
    layer.dense.set_weights([np.eye(4, dtype=np.float32), np.zeros(4, np.float32)])
    y, state = (np.asarray(value) for value in layer(x.astype(np.float32)))
    gru = keras.layers.GRU(4, return_sequences=True)
    gru.build((None, None, 4))
    gru.set_weights(layer.gru.get_weights())
    for bin_ in range(3):
        found = np.asarray(gru(x[:, :, bin_].astype(np.float32)))
        np.testing.assert_allclose(y[:, :, bin_], x[:, :, bin_] + found, atol=1e-5)
        np.testing.assert_allclose(state.reshape(2, 3, 4)[:, bin_], found[:, -1], atol=1e-5)


def test_frames_steps_and_chunks_agree(model):
    assert_steps_and_chunks_agree(model, magnitude(FRAMES))


def test_states_are_those_of_the_level_then_of_skip_connections(model):
    bins = SMALL_SPEC.num_bins - 1
    sizes = [bins // 2 * SMALL.encoder_channels[0], bins // 4 * SMALL.encoder_channels[1]]
    for built in (build_step(model, batch_size=2), build_chunk(model, batch_size=2)):
        shapes = {t.name: t.shape for t in built.inputs if t.name.startswith("state")}
        expected = [2, 2, *sizes, SMALL.gru_units]
        assert shapes == {f"state_{i}": (2, size) for i, size in enumerate(expected)}
        assert {name: built.output[f"new_{name}"].shape for name in shapes} == shapes


def test_a_stateful_model_goes_on(model, expected):
    stateful = with_memory(stateful=True, batch_size=1)
    stateful.set_weights(model.get_weights())
    x = magnitude(FRAMES)
    for _ in range(2):
        parts = [stateful.predict(part, verbose=0)["vocals_mask"] for part in np.split(x, [11], axis=1)]
        np.testing.assert_allclose(np.concatenate(parts, axis=1), expected, atol=1e-5)
        reset_state(stateful)


def test_a_saved_network_is_the_same(model, expected, tmp_path):
    model.save(tmp_path / "network.keras")
    loaded = load_network(tmp_path / "network.keras")
    np.testing.assert_allclose(loaded.predict(magnitude(FRAMES), verbose=0)["vocals_mask"], expected, atol=1e-6)


def test_memory_costs_few_parameters():
    plain, model = build_network("or_unet", "s"), build_network("or_unet_recurrent_skips", "s")
    assert 1.0 < model.count_params() / plain.count_params() < 1.02


@pytest.mark.parametrize("levels", [(0,), (4,), (1, 9)])
def test_levels_that_there_are_not_are_refused(levels):
    with pytest.raises(ValueError, match="recurrent_skips must be levels from 1 to 3"):
        build_or_unet(SMALL, SMALL_SPEC, recurrent_skips=levels)
