from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_sep.models import build_or_unet, build_sequence_model
from keras_sep.streaming import build_chunk, build_step, initial_states, is_online, reset_state
from tests.test_or_unet import SMALL, SMALL_SPEC, as_if_trained, magnitude

FRAMES = 40


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return as_if_trained(seed=2)


@pytest.fixture(scope="module")
def expected(model) -> np.ndarray:
    return model.predict(magnitude(FRAMES), verbose=0)["vocals_mask"]


def run_steps(step: keras.Model, x: np.ndarray, carry: bool = True) -> np.ndarray:
    states, masks = initial_states(step), []
    for t in range(x.shape[1]):
        outputs = step.predict_on_batch({"magnitude": x[:, t : t + 1], **states})
        masks.append(outputs["vocals_mask"])
        if carry:
            states = {name: outputs[f"new_{name}"] for name in states}
    return np.concatenate(masks, axis=1)


def run_chunks(chunk: keras.Model, x: np.ndarray, cuts: tuple[int, ...], carry: bool = True) -> np.ndarray:
    states, masks = initial_states(chunk, batch_size=len(x)), []
    for part in np.split(x, cuts, axis=1):
        outputs = chunk.predict_on_batch({"magnitude": part, **states})
        masks.append(outputs["vocals_mask"])
        if carry:
            states = {name: outputs[f"new_{name}"] for name in states}
    return np.concatenate(masks, axis=1)


def assert_steps_and_chunks_agree(model: keras.Model, x: np.ndarray) -> None:
    expected = model.predict(x, verbose=0)["vocals_mask"]
    np.testing.assert_allclose(run_steps(build_step(model), x), expected, atol=1e-5)
    np.testing.assert_allclose(run_chunks(build_chunk(model), x, (1, 12)), expected, atol=1e-5)
    assert np.abs(run_steps(build_step(model), x, carry=False) - expected).max() > 1e-3  # a dropped state is seen


def test_frame_by_frame_is_the_whole_sequence(model, expected):
    step, x = build_step(model), magnitude(FRAMES)
    np.testing.assert_allclose(run_steps(step, x), expected, atol=1e-5)
    # Negative controls: a dropped state and a shifted frame are seen.
    assert np.abs(run_steps(step, x, carry=False) - expected).max() > 1e-3
    assert np.abs(run_steps(step, np.roll(x, 1, axis=1)) - expected).max() > 1e-3


@pytest.mark.parametrize("cuts", [(13,), (1, 2, 30), (20,)])
def test_chunk_by_chunk_is_the_whole_sequence(model, expected, cuts):
    stateful = build_or_unet(SMALL, SMALL_SPEC, stateful=True, batch_size=1)
    stateful.set_weights(model.get_weights())
    x = magnitude(FRAMES)

    def predict() -> np.ndarray:
        chunks = np.split(x, cuts, axis=1)
        return np.concatenate([stateful.predict(chunk, verbose=0)["vocals_mask"] for chunk in chunks], axis=1)

    np.testing.assert_allclose(predict(), expected, atol=1e-5)
    assert np.abs(predict() - expected).max() > 1e-3  # without a reset the past song is remembered
    reset_state(stateful)
    np.testing.assert_allclose(predict(), expected, atol=1e-5)


@pytest.mark.parametrize("cuts", [(), (1, 2, 30), (20,)])
def test_chunks_with_explicit_states_are_the_whole_sequence(model, expected, cuts):
    chunk, x = build_chunk(model), magnitude(FRAMES)
    np.testing.assert_allclose(run_chunks(chunk, x, cuts), expected, atol=1e-5)
    if cuts:  # negative control: dropped states are seen
        assert np.abs(run_chunks(chunk, x, cuts, carry=False) - expected).max() > 1e-3


def test_a_chunk_gives_the_state_that_a_step_goes_on_from(model, expected):
    chunk, step, x = build_chunk(model), build_step(model), magnitude(FRAMES)
    states = initial_states(chunk, batch_size=1)
    outputs = chunk.predict_on_batch({"magnitude": x[:, :30], **states})
    states = {name: outputs[f"new_{name}"] for name in states}
    outputs = step.predict_on_batch({"magnitude": x[:, 30:31], **states})
    np.testing.assert_allclose(outputs["vocals_mask"], expected[:, 30:31], atol=1e-5)


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
    step, x = build_step(model), magnitude(12)
    assert [t.name for t in step.inputs if t.name.startswith("state")] == ["state_0", "state_1", "state_2"]
    expected = model.predict(x, verbose=0)["vocals_mask"]
    np.testing.assert_allclose(run_steps(step, x), expected, atol=1e-5)
    np.testing.assert_allclose(run_chunks(build_chunk(model), x, (5,)), expected, atol=1e-5)


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
