"""The mask core as an .onnx file, in float32, for runtimes that read no .tflite.

Converted by tf2onnx from the same function as the .tflite files, which keeps the names of inputs and
outputs; Keras' own `export(format="onnx")` does the same and names outputs by position. There is no
waveform graph: tf2onnx knows RFFT only where its magnitude alone is used.

tf2onnx and onnxruntime are imported when needed: only this format needs them (`pip install ".[onnx]"`).
"""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export.graphs import Graph
from export.verify import Agreement, compare, keras_masks, probe_signal
from keras_sep.metadata import ENTRY
from keras_sep.signal import StreamingStft
from keras_sep.spec import StreamSpec

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


def check(content: bytes, model: keras.Model, spec: StreamSpec) -> Agreement:
    """Streams the probe through the graph in ONNX Runtime, step by step, and through Keras.

    Raises:
        export.verify.VerificationError: as `check_file`, with the tolerance of float32.
        ValueError: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ValueError(f'onnx: expected onnxruntime (`pip install ".[onnx]"`). Received: {error}') from error
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    states = {i.name: np.zeros(i.shape, np.float32) for i in session.get_inputs() if i.name.startswith("state_")}
    spectrum = StreamingStft(spec).push(probe_signal(spec))
    found: dict[str, list] = {f"{source}_mask": [] for source in spec.sources}
    for frame in np.abs(spectrum):
        outputs = dict(zip(names, session.run(names, {"magnitude": frame[None, None], **states}), strict=True))
        states = {name: outputs[f"new_{name}"] for name in states}
        for name, masks in found.items():
            masks.append(outputs[name][0, 0])
    return compare(
        keras_masks(model, spectrum, spec), [np.stack(m) for m in found.values()], "float32", weight=np.abs(spectrum)
    )


def add_metadata(content: bytes, about: dict[str, Any]) -> bytes:
    """With the same JSON as a .tflite file, as the model's own metadata."""
    import onnx

    model = onnx.load_from_string(content)
    onnx.helper.set_model_props(model, {ENTRY: json.dumps(about, ensure_ascii=False)})
    return model.SerializeToString()
