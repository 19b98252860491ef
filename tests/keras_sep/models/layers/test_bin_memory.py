from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from keras_sep.models.layers.bin_memory import BinMemory
from keras_sep.models.recurrence import OverSequence

BATCH, FRAMES, POSITIONS, CHANNELS = 2, 7, 3, 4


def signal() -> np.ndarray:
    return np.random.default_rng(6).standard_normal((BATCH, FRAMES, POSITIONS, CHANNELS)).astype(np.float32)


def run(layer: BinMemory, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    recur = OverSequence(FRAMES)
    y = layer(ops.convert_to_tensor(x.reshape(-1, POSITIONS, CHANNELS)), recur=recur)
    (state,) = recur.new_states
    return ops.convert_to_numpy(y).reshape(x.shape), ops.convert_to_numpy(state)


@pytest.mark.parametrize("units", [4, 6])
def test_each_position_goes_through_the_same_gru(units):
    layer, x = BinMemory(CHANNELS, units), signal()
    layer.build((None, POSITIONS, CHANNELS))
    layer.dense.set_weights([np.eye(units, CHANNELS, dtype=np.float32), np.zeros(CHANNELS, np.float32)])
    y, state = run(layer, x)
    gru = keras.layers.GRU(units, return_sequences=True)
    gru.build((None, None, CHANNELS))
    gru.set_weights(layer.gru.get_weights())
    for position in range(POSITIONS):
        found = np.asarray(gru(x[:, :, position]))
        np.testing.assert_allclose(y[:, :, position], x[:, :, position] + found[..., :CHANNELS], atol=1e-5)
        np.testing.assert_allclose(state.reshape(BATCH, POSITIONS, units)[:, position], found[:, -1], atol=1e-5)
        assert np.abs(found).max() > 0.1


def test_at_first_it_adds_nothing():
    layer, x = BinMemory(CHANNELS, 6), signal()
    np.testing.assert_array_equal(run(layer, x)[0], x)
    layer.dense.kernel.assign(layer.dense.kernel + 1)
    assert np.abs(run(layer, x)[0] - x).max() > 0.1  # negative control


def test_its_configuration_describes_it():
    layer = BinMemory(CHANNELS, 6, name="memory")
    assert BinMemory.from_config(layer.get_config()).get_config() == layer.get_config()
