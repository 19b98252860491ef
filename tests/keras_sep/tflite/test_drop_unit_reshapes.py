from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_sep.models import Lstm
from keras_sep.tflite.drop_unit_reshapes import drop_unit_reshapes
from keras_sep.tflite.graphs import MaskCore
from tests.support.networks import small_network
from tests.support.tflite import OPS, count, module_to_tflite, run_steps


def assert_same_bits(before: bytes, after: bytes, steps: int) -> None:
    expected, found = run_steps(before, steps), run_steps(after, steps)
    assert expected.keys() == found.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


@pytest.mark.parametrize("graph", ["mask", "waveform"])
def test_the_same_bits_with_fewer_reshapes(float_files, graph):
    before = float_files["OrUnet", graph]
    after = drop_unit_reshapes(before)
    assert_same_bits(before, after, 5)
    # One for each of the three levels down, the three up, and the masks.
    assert count(after, OPS.RESHAPE) == count(before, OPS.RESHAPE) - 7
    assert drop_unit_reshapes(after) == after


@pytest.mark.slow("converts a network again")
def test_the_same_bits_in_8_bits(or_unet):
    before = module_to_tflite(MaskCore(or_unet), quantised=True)
    after = drop_unit_reshapes(before)
    assert_same_bits(before, after, 5)
    assert count(after, OPS.RESHAPE) == count(before, OPS.RESHAPE) - 7
    assert drop_unit_reshapes(after) == after


@pytest.mark.parametrize("graph", ["mask", "waveform"])
def test_memories_keep_what_they_need(float_files, graph):
    before = float_files["BinMemoryUnet", graph]
    after = drop_unit_reshapes(before)
    assert_same_bits(before, after, 5)
    assert count(after, OPS.RESHAPE) < count(before, OPS.RESHAPE)


def test_what_needs_its_axes_keeps_them():
    """A sum over the axis that would move, and a concatenation with the graph's own input."""

    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            self.kernel = tf.constant(np.random.default_rng(1).standard_normal((3, 2, 4)), tf.float32)
            self.step = tf.function(self._step, input_signature=[{"x": tf.TensorSpec((1, 8, 2), tf.float32, "x")}])

        def _step(self, inputs):
            y = tf.nn.conv1d(inputs["x"], self.kernel, 1, "SAME")
            joined = tf.concat([y, inputs["x"]], axis=2)
            return {"sum": tf.reduce_max(y, axis=1), "joined": tf.reshape(joined, (1, 4, 12))}

    before = module_to_tflite(Module())
    assert_same_bits(before, drop_unit_reshapes(before), 1)


@pytest.mark.slow("converts a network")
def test_the_lstm_has_none_to_drop():
    before = module_to_tflite(MaskCore(small_network(1, Lstm)))
    assert_same_bits(before, drop_unit_reshapes(before), 3)
