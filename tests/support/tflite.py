""".tflite files of any function, and any such file run by its signature `step`."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from keras_sep.tflite.flatbuffer import kind, unpack

OPS = schema.BuiltinOperator


def to_tflite(concrete: Any) -> bytes:
    """The file of a concrete function; it has no signature."""
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert()


def module_to_tflite(module: Any, quantised: bool = False) -> bytes:
    """The file of a module's `step`, as TensorFlow's converter leaves it, its weights in 8 bits or not."""
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"step": module.step.get_concrete_function()})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["step"])
        converter.optimizations = [tf.lite.Optimize.DEFAULT] if quantised else []
        return converter.convert()


def count(content: bytes, op: int) -> int:
    """How often a file has an op of `OPS`."""
    model = unpack(content)
    return sum(kind(model, other) == op for graph in model.subgraphs for other in graph.operators)


def run_steps(content: bytes, steps: int) -> dict[str, np.ndarray]:
    """Outputs of the last of several steps on noise, the same every time; states go into the next step."""
    runner = Interpreter(model_content=content, num_threads=1).get_signature_runner("step")
    details = runner.get_input_details()
    rng = np.random.default_rng(3)
    states = {name: np.zeros(d["shape"], np.float32) for name, d in details.items() if name.startswith("state_")}
    outputs: dict[str, np.ndarray] = {}
    for _ in range(steps):
        other = {n: rng.uniform(0, 1, d["shape"]).astype(np.float32) for n, d in details.items() if n not in states}
        outputs = runner(**other, **states)
        states = {name: outputs[f"new_{name}"] for name in states}
    return outputs


def kinds(content: bytes) -> set[int]:
    """Which of `OPS` a file has."""
    model = unpack(content)
    return {kind(model, op) for graph in model.subgraphs for op in graph.operators}
