"""The mask core as an .onnx file in float32, for runtimes that do not read .tflite.

tf2onnx converts the same function as for the .tflite files, which keeps the names of inputs and outputs; Keras's
`export(format="onnx")` would name outputs by position. There is no waveform graph: tf2onnx supports RFFT only where
just its magnitude is used.

tf2onnx and onnxruntime are imported when needed: only this format needs them (`pip install ".[onnx]"`).
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import tensorflow as tf

from common.onnx_step import OnnxStep
from export.accuracy.agreement import Agreement, compare, keras_masks, probe_signal
from keras_sep.errors import ModelFileError
from keras_sep.metadata import ENTRY
from keras_sep.models import OnlineNetwork
from keras_sep.signal import StreamingStft, magnitude_views
from keras_sep.tflite.graphs import Graph

OPSET = 18


def to_onnx(module: Graph) -> bytes:
    """Converts a graph to the bytes of an .onnx file in opset `OPSET`, with the names of the signature `step`.

    Raises:
        ValueError: tf2onnx is not installed.
    """
    try:
        import tf2onnx
    except ImportError as error:
        raise ValueError(f'onnx: expected tf2onnx (`pip install ".[onnx]"`). Received: {error}') from error
    shapes = module.input_shapes()

    def step(*tensors):
        return module.step(dict(zip(shapes, tensors, strict=True)))

    signature = [tf.TensorSpec(shape, tf.float32, name=name) for name, shape in shapes.items()]
    model, _ = tf2onnx.convert.from_function(
        tf.function(step, input_signature=signature), input_signature=signature, opset=OPSET
    )
    return model.SerializeToString()


def check(content: bytes, network: OnlineNetwork) -> Agreement:
    """Compares an .onnx file, streamed step by step in ONNX Runtime, with Keras on `probe_signal`.

    Raises:
        export.accuracy.agreement.VerificationError: the file misses the gate of float32.
        ValueError: onnxruntime is not installed.
    """
    spec = network.spec
    step = OnnxStep(content, spec)
    spectrum = StreamingStft(spec).push(probe_signal(spec))
    found = list(np.stack([step(frame) for frame in magnitude_views(spectrum, spec)], axis=1))
    return compare(keras_masks(network, spectrum), found, "float32", weight=np.abs(spectrum))


def read_metadata(content: bytes) -> dict[str, Any]:
    """Reads the metadata that `add_metadata` wrote.

    Raises:
        ModelFileError: `content` is not an .onnx file, or lacks our metadata.
    """
    import onnx

    try:
        entries = {entry.key: entry.value for entry in onnx.load_from_string(content).metadata_props}
        return json.loads(entries[ENTRY])
    except Exception as error:  # protobuf's errors share no base class but this one
        raise ModelFileError(f"expected an .onnx file made by `python -m export`. Received: {error}") from error


def add_metadata(content: bytes, about: dict[str, Any]) -> bytes:
    """Returns the .onnx file with `about` in its metadata, as the same JSON as in a .tflite file."""
    import onnx

    model = onnx.load_from_string(content)
    onnx.helper.set_model_props(model, {ENTRY: json.dumps(about, ensure_ascii=False)})
    return model.SerializeToString()
