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


MEMORIES = [
    {"recurrent_skips": (2, 1)},
    {"decoder_memories": (1, 3)},
    {"recurrent_skips": (2,), "decoder_memories": (2,), "memory_units": 7},
]


def with_memory(memories, **options) -> keras.Model:
    return build_or_unet(SMALL, SMALL_SPEC, levelled=True, **memories, **options)


@pytest.fixture(scope="module", params=MEMORIES, ids=lambda memories: "+".join(memories))
def memories(request) -> dict:
    return request.param


@pytest.fixture(scope="module")
def model(memories) -> keras.Model:
    keras.utils.set_random_seed(5)
    model, rng = with_memory(memories), np.random.default_rng(5)
    for layer in memory_layers(model):  # as if trained: at first they add nothing
        layer.dense.set_weights([rng.standard_normal(w.shape).astype(np.float32) for w in layer.dense.get_weights()])
    return model


def memory_layers(model: keras.Model) -> list[RecurrentSkip]:
    return [layer for layer in model.layers if isinstance(layer, RecurrentSkip)]


@pytest.fixture(scope="module")
def expected(model) -> np.ndarray:
    return model.predict(magnitude(FRAMES), verbose=0)["vocals_mask"]


def test_at_first_a_network_with_memories_is_a_plain_one(memories):
    model, plain = with_memory(memories), build_or_unet(SMALL, SMALL_SPEC, levelled=True)
    weights = {weight.path: weight for weight in model.weights}
    for weight in plain.weights:
        weight.assign(weights[weight.path])
    x = magnitude(FRAMES)
    for name, mask in plain.predict(x, verbose=0).items():
        np.testing.assert_allclose(model.predict(x, verbose=0)[name], mask, atol=1e-6)


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


def test_frames_steps_and_chunks_agree(model):
    assert_steps_and_chunks_agree(model, magnitude(FRAMES))


def test_states_are_those_of_the_level_of_skip_connections_of_the_gru_then_of_the_decoder(memories, model):
    bins = [(SMALL_SPEC.num_bins - 1) // 2**level for level in range(4)]
    channels = [SMALL_SPEC.num_channels, *SMALL.encoder_channels]
    below = [None, *SMALL.decoder_channels[-2::-1], SMALL.expand_channels]  # what the decoder adds at each level
    units = memories.get("memory_units")
    of_skips = [bins[i] * (units or channels[i]) for i in sorted(memories.get("recurrent_skips", ()))]
    levels = sorted(memories.get("decoder_memories", ()), reverse=True)
    of_decoder = [bins[i] * (units or channels[i] + below[i]) for i in levels]
    for built in (build_step(model, batch_size=2), build_chunk(model, batch_size=2)):
        shapes = {t.name: t.shape for t in built.inputs if t.name.startswith("state")}
        expected = [2, 2, *of_skips, SMALL.gru_units, *of_decoder]
        assert shapes == {f"state_{i}": (2, size) for i, size in enumerate(expected)}
        assert {name: built.output[f"new_{name}"].shape for name in shapes} == shapes


def test_a_stateful_model_goes_on(memories, model, expected):
    stateful = with_memory(memories, stateful=True, batch_size=1)
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
    assert 1.0 < build_network("or_unet_memories", "s").count_params() / plain.count_params() < 1.1


@pytest.mark.parametrize("name", ["recurrent_skips", "decoder_memories"])
@pytest.mark.parametrize("levels", [(0,), (4,), (1, 9)])
def test_levels_that_there_are_not_are_refused(name, levels):
    with pytest.raises(ValueError, match=f"{name} must be levels from 1 to 3"):
        build_or_unet(SMALL, SMALL_SPEC, **{name: levels})
