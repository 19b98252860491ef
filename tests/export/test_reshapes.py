from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from export.flatbuffer import kind, unpack
from export.graphs import GRAPHS
from export.reshapes import drop_unit_reshapes
from tests.support.networks import SMALL_LSTM, SMALL_SPEC


def _save(module: tf.Module, folder) -> str:
    tf.saved_model.save(module, str(folder), signatures={"step": module.step.get_concrete_function()})
    return str(folder)


def _convert(folder: str, optimise: bool) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["step"])
    converter.optimizations = [tf.lite.Optimize.DEFAULT] if optimise else []
    return converter.convert()


def _run(content: bytes, steps: int) -> dict[str, np.ndarray]:
    interpreter = tf.lite.Interpreter(model_content=content)
    runner = interpreter.get_signature_runner("step")
    details = runner.get_input_details()
    rng = np.random.default_rng(3)
    states = {name: np.zeros(d["shape"], np.float32) for name, d in details.items() if name.startswith("state_")}
    outputs = {}
    for _ in range(steps):
        other = {n: rng.uniform(0, 1, d["shape"]).astype(np.float32) for n, d in details.items() if n not in states}
        outputs = runner(**other, **states)
        states = {name: outputs[f"new_{name}"] for name in states}
    return outputs


def _num_reshapes(content: bytes) -> int:
    model = unpack(content)
    return sum(kind(model, op) == schema.BuiltinOperator.RESHAPE for op in model.subgraphs[0].operators)


@pytest.fixture(scope="module", params=["mask", "waveform"])
def saved(request, small_model, tmp_path_factory) -> str:
    return _save(GRAPHS[request.param](small_model, SMALL_SPEC), tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("optimise", [False, True])
def test_the_same_bits_with_fewer_reshapes(saved, optimise):
    before = _convert(saved, optimise)
    after = drop_unit_reshapes(before)
    expected, found = _run(before, 5), _run(after, 5)
    assert expected.keys() == found.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])
    # One for each of the three levels down, the three up, and the masks.
    assert _num_reshapes(after) == _num_reshapes(before) - 7
    assert drop_unit_reshapes(after) == after


def test_what_needs_its_axes_keeps_them(tmp_path):
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

    before = _convert(_save(Module(), tmp_path), False)
    after = drop_unit_reshapes(before)
    expected, found = _run(before, 1), _run(after, 1)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


def test_the_lstm_has_none_to_drop(tmp_path):
    from keras_sep.models import build_lstm

    keras.utils.set_random_seed(1)
    before = _convert(_save(GRAPHS["mask"](build_lstm(SMALL_LSTM, SMALL_SPEC), SMALL_SPEC), tmp_path), False)
    expected, found = _run(before, 3), _run(drop_unit_reshapes(before), 3)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])
