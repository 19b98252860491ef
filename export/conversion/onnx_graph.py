"""The mask core as an .onnx file, in float32, for runtimes that read no .tflite.

Converted by tf2onnx from the same function as the .tflite files, which keeps the names of inputs and
outputs; Keras' own `export(format="onnx")` does the same and names outputs by position. There is no
waveform graph: tf2onnx knows RFFT only where its magnitude alone is used.

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
    """The graph's bytes in opset `OPSET`; names as in the signature `step`.

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
    """Streams the probe through the graph in ONNX Runtime, step by step, and through Keras.

    Raises:
        export.accuracy.agreement.VerificationError: as `check_file`, with the tolerance of float32.
        ValueError: onnxruntime is not installed.
    """
    spec = network.spec
    step = OnnxStep(content, spec)
    spectrum = StreamingStft(spec).push(probe_signal(spec))
    found = list(np.stack([step(frame) for frame in magnitude_views(spectrum, spec)], axis=1))
    return compare(keras_masks(network, spectrum), found, "float32", weight=np.abs(spectrum))


def read_metadata(content: bytes) -> dict[str, Any]:
    """What `add_metadata` put there.

    Raises:
        ModelFileError: not an .onnx file, or one of others.
    """
    import onnx

    try:
        entries = {entry.key: entry.value for entry in onnx.load_from_string(content).metadata_props}
        return json.loads(entries[ENTRY])
    except Exception as error:  # protobuf's errors have no common class of their own
        raise ModelFileError(f"expected an .onnx file made by `python -m export`. Received: {error}") from error


def add_metadata(content: bytes, about: dict[str, Any]) -> bytes:
    """With the same JSON as a .tflite file, as the model's own metadata."""
    import onnx

    model = onnx.load_from_string(content)
    onnx.helper.set_model_props(model, {ENTRY: json.dumps(about, ensure_ascii=False)})
    return model.SerializeToString()
