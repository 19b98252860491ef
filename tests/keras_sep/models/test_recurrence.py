"""Recurrent layers over a sequence and for one frame; whole networks, frame by frame: test_networks.py, too."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_sep.models import BinMemoryUnet, OnlineNetwork
from keras_sep.models.layers.loudness import loudness_tracker
from keras_sep.models.recurrence import OneFrame, OverSequence, state_sizes
from tests.support.networks import magnitude, run_chunks, run_steps, small_network, vocals_mask, zero_states

BATCH, FRAMES, CHANNELS, UNITS = 2, 7, 4, 5
NETWORK_FRAMES = 10
CUTS = [(5,), (1, 2, 8), (4,)]
KINDS = {
    "gru": lambda: layers.GRU(UNITS, return_sequences=True, return_state=True, bias_initializer="random_normal"),
    "lstm": lambda: layers.LSTM(UNITS, return_sequences=True, return_state=True),
    "loudness": loudness_tracker,
}


# One layer


@pytest.fixture(params=KINDS)
def layer(request) -> layers.RNN:
    layer = KINDS[request.param]()
    layer.build((None, None, _channels(layer)))
    return layer


@pytest.fixture(params=[(), (3,)], ids=["one position", "three positions"])
def x(request, layer) -> np.ndarray:
    """(B, T, …, C), ≥ 0."""
    shape = (BATCH, FRAMES, *request.param, _channels(layer))
    return np.random.default_rng(6).uniform(0, 1, shape).astype(np.float32)


def _channels(layer: layers.RNN) -> int:
    return CHANNELS if isinstance(layer, (layers.GRU, layers.LSTM)) else 1


def over_sequence(layer: layers.RNN, x: np.ndarray, states=None) -> tuple[np.ndarray, list[np.ndarray]]:
    """Outputs (B, T, …, U) and the states behind them."""
    recur = OverSequence(x.shape[1], states)
    y = ops.convert_to_numpy(recur(layer, ops.convert_to_tensor(x.reshape(-1, *x.shape[2:]))))
    return y.reshape(*x.shape[:2], *y.shape[1:]), [ops.convert_to_numpy(state) for state in recur.new_states]


def frame_by_frame(layer: layers.RNN, x: np.ndarray, states, carry: bool = True) -> tuple[np.ndarray, list]:
    found = []
    for t in range(x.shape[1]):
        recur = OneFrame(states)
        found.append(ops.convert_to_numpy(recur(layer, ops.convert_to_tensor(x[:, t]))))
        states = recur.new_states if carry else states
    return np.stack(found, axis=1), [ops.convert_to_numpy(state) for state in states]


def zeros(layer: layers.RNN, x: np.ndarray) -> list[np.ndarray]:
    positions = int(np.prod(x.shape[2:-1]))
    return [np.zeros((len(x), positions * size), np.float32) for size in state_sizes(layer)]


def test_each_position_goes_through_the_layer_by_itself(layer, x):
    y, states = over_sequence(layer, x)
    assert y.shape == (*x.shape[:-1], y.shape[-1])
    assert [state.shape for state in states] == [state.shape for state in zeros(layer, x)]
    for position in np.ndindex(x.shape[2:-1]):
        expected, *last = (ops.convert_to_numpy(value) for value in layer(x[(slice(None), slice(None), *position)]))
        np.testing.assert_allclose(y[(slice(None), slice(None), *position)], expected, atol=1e-6)
        for state, of_position in zip(states, last, strict=True):
            found = state.reshape(BATCH, *x.shape[2:-1], -1)[(slice(None), *position)]
            np.testing.assert_allclose(found, of_position, atol=1e-6)


def test_frame_by_frame_is_the_sequence(layer, x):
    expected, expected_states = over_sequence(layer, x)
    found, states = frame_by_frame(layer, x, zeros(layer, x))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    for state, of_sequence in zip(states, expected_states, strict=True):
        np.testing.assert_allclose(state, of_sequence, atol=1e-6)
    # Negative controls: a dropped state and a shifted frame are seen.
    assert np.abs(frame_by_frame(layer, x, zeros(layer, x), carry=False)[0] - expected).max() > 1e-2
    assert np.abs(frame_by_frame(layer, np.roll(x, 1, axis=1), zeros(layer, x))[0] - expected).max() > 1e-2


def test_a_sequence_goes_on_from_its_states(layer, x):
    expected, _ = over_sequence(layer, x)
    first, states = over_sequence(layer, x[:, :3])
    rest, _ = over_sequence(layer, x[:, 3:], states)
    np.testing.assert_allclose(np.concatenate([first, rest], axis=1), expected, atol=1e-6)
    anew, _ = over_sequence(layer, x[:, 3:], zeros(layer, x))
    np.testing.assert_allclose(anew, over_sequence(layer, x[:, 3:])[0], atol=1e-6)  # None: zeros
    assert np.abs(anew - expected[:, 3:]).max() > 1e-2  # negative control: dropped states


def test_states_are_taken_and_given_in_the_order_of_the_pass():
    first, second = KINDS["lstm"](), KINDS["gru"]()
    x = np.random.default_rng(7).standard_normal((BATCH, FRAMES, CHANNELS)).astype(np.float32)

    def run(recur, x):
        return recur(second, recur(first, ops.convert_to_tensor(x)))

    whole = OverSequence(FRAMES)
    expected = ops.convert_to_numpy(run(whole, x.reshape(-1, CHANNELS))).reshape(BATCH, FRAMES, UNITS)
    states = [*zeros(first, x), *zeros(second, x)]
    assert len(whole.new_states) == len(states) == 3
    for t in range(FRAMES):
        recur = OneFrame(states)
        np.testing.assert_allclose(run(recur, x[:, t]), expected[:, t], atol=1e-6)
        states = recur.new_states
    swapped = OneFrame([states[1], states[0], states[2]])
    assert np.abs(ops.convert_to_numpy(run(swapped, x[:, 0]) - run(OneFrame(states), x[:, 0]))).max() > 1e-3


# A network


@pytest.fixture(scope="module")
def network() -> OnlineNetwork:
    return small_network(2)


@pytest.fixture(scope="module")
def expected(network) -> np.ndarray:
    return vocals_mask(network, magnitude(NETWORK_FRAMES))


def test_the_network_s_step_is_the_whole_sequence(network, expected):
    x = magnitude(NETWORK_FRAMES)
    np.testing.assert_allclose(run_steps(network, x), expected, atol=1e-5)
    # Negative controls: a dropped state and a shifted frame are seen.
    assert np.abs(run_steps(network, x, carry=False) - expected).max() > 1e-3
    assert np.abs(run_steps(network, np.roll(x, 1, axis=1)) - expected).max() > 1e-3


@pytest.mark.parametrize("cuts", [(), *CUTS])
def test_chunks_with_explicit_states_are_the_whole_sequence(network, expected, cuts):
    x = magnitude(NETWORK_FRAMES)
    np.testing.assert_allclose(run_chunks(network, x, cuts), expected, atol=1e-5)
    if cuts:  # negative control: dropped states are seen
        assert np.abs(run_chunks(network, x, cuts, carry=False) - expected).max() > 1e-3


def test_a_chunk_gives_the_state_that_a_step_goes_on_from(network, expected):
    x = ops.convert_to_tensor(magnitude(NETWORK_FRAMES))
    _, states = network.chunk(x[:, :7])
    found, anew = (network.step(x[:, 7], s)[0]["vocals_mask"] for s in (states, zero_states(network)))
    np.testing.assert_allclose(found, expected[:, 7], atol=1e-5)
    assert np.abs(ops.convert_to_numpy(anew) - expected[:, 7]).max() > 1e-3  # negative control: the zero state


def test_segments_of_a_batch_know_nothing_of_each_other():
    network, x = small_network(3, BinMemoryUnet), magnitude(4, batch=2)
    together = vocals_mask(network, x)
    for one in range(2):
        np.testing.assert_allclose(together[one : one + 1], vocals_mask(network, x[one : one + 1]), atol=1e-5)
    np.testing.assert_allclose(run_steps(network, x), together, atol=1e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-2


def test_step_and_chunk_add_no_weights(network):
    before = [weight.path for weight in network.weights]
    x = keras.ops.convert_to_tensor(magnitude(1))
    network.step(x[:, 0], zero_states(network))
    network.chunk(x)
    assert [weight.path for weight in network.weights] == before
