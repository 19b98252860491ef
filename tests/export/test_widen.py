from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from export.flatbuffer import kind, unpack
from export.widen import widen

_OPS, _TYPES = schema.BuiltinOperator, schema.TensorType


@pytest.fixture(scope="module", params=["int8", "int16x8"])
def quantised(request, tmp_path_factory) -> bytes:
    """y = tanh(x · w) + ½ carried on, and what becomes of it: two products, an update between them, a second output."""

    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            rng = np.random.default_rng(1)
            self.first, self.last = (tf.constant(rng.standard_normal((8, 8)) / 3, tf.float32) for _ in range(2))
            spec = {name: tf.TensorSpec((1, 8), tf.float32, name) for name in ("x", "state_0")}
            self.step = tf.function(self._step, input_signature=[spec])

        def _step(self, inputs):
            new = tf.matmul(inputs["x"], self.first)
            with tf.name_scope("update"):
                new = tf.multiply(tf.tanh(new), 0.5, "half")
                new = tf.add(new, tf.multiply(inputs["state_0"], 0.5, "decay"), "new")
            return {"new_state_0": new, "y": tf.matmul(new, self.last)}

    module, folder = Module(), str(tmp_path_factory.mktemp("module"))
    tf.saved_model.save(module, folder, signatures={"step": module.step.get_concrete_function()})
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["step"])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    rng = np.random.default_rng(2)
    converter.representative_dataset = lambda: (
        ("step", {"x": rng.uniform(-1, 1, (1, 8)).astype("f"), "state_0": rng.uniform(-1, 1, (1, 8)).astype("f")})
        for _ in range(50)
    )
    if request.param == "int16x8":
        lite = tf.lite.OpsSet
        converter.target_spec.supported_ops = [
            lite.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
            lite.TFLITE_BUILTINS,
        ]
    return converter.convert()


UPDATE = re.compile(r"update/|PartitionedCall:0(_int16|1)$")


def _stream(content: bytes, steps: int) -> dict[str, np.ndarray]:
    runner = tf.lite.Interpreter(model_content=content).get_signature_runner("step")
    rng, state, outputs = np.random.default_rng(3), np.zeros((1, 8), np.float32), {}
    for _ in range(steps):
        outputs = runner(x=rng.uniform(-1, 1, (1, 8)).astype(np.float32), state_0=state)
        state = outputs["new_state_0"]
    return outputs


def test_what_is_named_is_computed_in_float32(quantised):
    model = unpack(widen(quantised, UPDATE))
    graph = model.subgraphs[0]
    types = {kind(model, op): graph.tensors[op.outputs[0]].type for op in graph.operators}
    assert all(types[op] == _TYPES.FLOAT32 for op in (_OPS.TANH, _OPS.MUL, _OPS.ADD))
    assert types[_OPS.FULLY_CONNECTED] in (_TYPES.INT8, _TYPES.INT16)  # the rest is as it was
    for op in graph.operators:  # and nothing reads a tensor of the wrong kind
        if kind(model, op) in (_OPS.TANH, _OPS.MUL, _OPS.ADD):
            assert all(graph.tensors[index].type == _TYPES.FLOAT32 for index in op.inputs)


def test_it_computes_the_same_and_the_state_is_not_rounded(quantised):
    before, after = _stream(quantised, 6), _stream(widen(quantised, UPDATE), 6)
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=0.05)
    assert np.abs(after["new_state_0"]).max() > 0.1
    # A quantised state takes few values; a float one is between them.
    tensors = unpack(quantised).subgraphs[0].tensors
    scale = next(t.quantization.scale[0] for t in tensors if re.search(rb"PartitionedCall:0(_int16|1)$", t.name))
    steps = [outputs["new_state_0"] / scale for outputs in (before, after)]
    off_grid = [np.abs(step - np.round(step)).max() for step in steps]
    assert off_grid[0] < 0.01 < 0.05 < off_grid[1]


def test_nothing_named_nothing_changed(quantised):
    same = widen(quantised, re.compile("no such name"))
    for name, value in _stream(quantised, 4).items():
        np.testing.assert_array_equal(_stream(same, 4)[name], value)
