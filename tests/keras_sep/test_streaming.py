from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_sep.models import build_or_unet, build_sequence_model
from keras_sep.streaming import build_chunk, build_step, initial_states, is_online, reset_state
from tests.support.networks import SMALL, SMALL_SPEC, as_if_trained, magnitude, run_chunks, run_steps, vocals_mask

FRAMES = 16
CUTS = [(5,), (1, 2, 12), (8,)]


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return as_if_trained(seed=2)


@pytest.fixture(scope="module")
def expected(model) -> np.ndarray:
    return vocals_mask(model, magnitude(FRAMES))


def test_frame_by_frame_is_the_whole_sequence(model, expected):
    step, x = build_step(model), magnitude(FRAMES)
    np.testing.assert_allclose(run_steps(step, x), expected, atol=1e-5)
    # Negative controls: a dropped state and a shifted frame are seen.
    assert np.abs(run_steps(step, x, carry=False) - expected).max() > 1e-3
    assert np.abs(run_steps(step, np.roll(x, 1, axis=1)) - expected).max() > 1e-3


@pytest.mark.parametrize("cuts", CUTS)
def test_chunk_by_chunk_is_the_whole_sequence(model, expected, cuts):
    stateful = build_or_unet(SMALL, SMALL_SPEC, stateful=True, batch_size=1)
    stateful.set_weights(model.get_weights())
    x = magnitude(FRAMES)

    def predict() -> np.ndarray:
        return np.concatenate([vocals_mask(stateful, chunk) for chunk in np.split(x, cuts, axis=1)], axis=1)

    np.testing.assert_allclose(predict(), expected, atol=1e-5)
    assert np.abs(predict() - expected).max() > 1e-3  # without a reset the past song is remembered
    reset_state(stateful)
    np.testing.assert_allclose(predict(), expected, atol=1e-5)


@pytest.mark.parametrize("cuts", [(), *CUTS])
def test_chunks_with_explicit_states_are_the_whole_sequence(model, expected, cuts):
    chunk, x = build_chunk(model), magnitude(FRAMES)
    np.testing.assert_allclose(run_chunks(chunk, x, cuts), expected, atol=1e-5)
    if cuts:  # negative control: dropped states are seen
        assert np.abs(run_chunks(chunk, x, cuts, carry=False) - expected).max() > 1e-3


def test_a_chunk_gives_the_state_that_a_step_goes_on_from(model, expected):
    chunk, step, x = build_chunk(model), build_step(model), magnitude(FRAMES)
    states, x = initial_states(chunk, batch_size=1), keras.ops.convert_to_tensor(x)
    outputs = chunk({"magnitude": x[:, :12], **states}, training=False)
    after = {name: outputs[f"new_{name}"] for name in states}
    found, anew = (step({"magnitude": x[:, 12:13], **s}, training=False)["vocals_mask"] for s in (after, states))
    np.testing.assert_allclose(found, expected[:, 12:13], atol=1e-5)
    assert np.abs(np.asarray(anew) - expected[:, 12:13]).max() > 1e-3  # negative control: the zero state


@pytest.mark.parametrize("build", [build_step, build_chunk])
def test_step_and_chunk_share_the_weights(model, build):
    assert is_online(model)
    assert {id(v) for v in build(model).weights} == {id(v) for v in model.weights}


def test_names_and_shapes_are_the_contract(model):
    step = build_step(model, batch_size=3)
    bins, channels = SMALL_SPEC.num_bins, SMALL_SPEC.num_channels
    assert {t.name: t.shape for t in step.inputs} == {
        "magnitude": (3, 1, bins, channels),
        "state_0": (3, SMALL.gru_units),
    }
    assert {name: t.shape for name, t in step.output.items()} == {
        "vocals_mask": (3, 1, bins, channels),
        "accompaniment_mask": (3, 1, bins, channels),
        "new_state_0": (3, SMALL.gru_units),
    }
    chunk = build_chunk(model, batch_size=3, num_frames=7)
    assert [t.name for t in chunk.inputs] == [t.name for t in step.inputs]
    assert set(chunk.output) == set(step.output)
    assert chunk.output["vocals_mask"].shape == (3, 7, bins, channels)


def _with_recurrent(layers: list) -> keras.Model:
    parts = build_or_unet(SMALL, SMALL_SPEC)
    return build_sequence_model(parts.get_layer("encoder"), layers, parts.get_layer("decoder"), name="other")


def test_two_recurrent_layers_of_two_kinds():
    keras.utils.set_random_seed(3)
    layers = [keras.layers.LSTM(5, return_sequences=True), keras.layers.GRU(SMALL.gru_units, return_sequences=True)]
    model = _with_recurrent(layers)
    step, x = build_step(model), magnitude(8)
    assert [t.name for t in step.inputs if t.name.startswith("state")] == ["state_0", "state_1", "state_2"]
    expected, chunk = vocals_mask(model, x), build_chunk(model)
    np.testing.assert_allclose(run_steps(step, x), expected, atol=1e-5)
    np.testing.assert_allclose(run_chunks(chunk, x, (5,)), expected, atol=1e-5)
    # Negative controls: dropped states are seen.
    assert np.abs(run_steps(step, x, carry=False) - expected).max() > 1e-4
    assert np.abs(run_chunks(chunk, x, (5,), carry=False) - expected).max() > 1e-4


def test_a_layer_that_looks_ahead_is_named():
    both = keras.layers.Bidirectional(keras.layers.GRU(SMALL.gru_units // 2, return_sequences=True), name="both_ways")
    with pytest.raises(ValueError, match=r"causal.*both_ways"):
        build_step(_with_recurrent([both]))
    backwards = keras.layers.GRU(SMALL.gru_units, return_sequences=True, go_backwards=True, name="backwards")
    with pytest.raises(ValueError, match=r"causal.*backwards"):
        build_step(_with_recurrent([backwards]))


def test_a_model_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="encoder and a decoder"):
        build_step(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))
