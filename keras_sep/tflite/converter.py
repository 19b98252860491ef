"""Conversion of a step to a float32 .tflite file: the only place that knows TensorFlow's converter.

It is deprecated, and replaced one day: whatever comes then has to give this function's bytes.
"""

from __future__ import annotations

import tempfile

import tensorflow as tf

from keras_sep.tflite.graphs import Graph


def to_float32(graph: Graph) -> bytes:
    """Converts a graph to the bytes of a file with the signature `step`, in builtin ops only, without metadata.

    Examples:
        >>> from keras_sep.models import OrUnet
        >>> from keras_sep.tflite.converter import to_float32
        >>> from keras_sep.tflite.graphs import MaskCore
        >>> to_float32(MaskCore(OrUnet("tiny")))[4:8]
        b'TFL3'
    """
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(graph, folder, signatures={"step": graph.step.get_concrete_function()})
        # From a SavedModel with a signature: from_concrete_functions makes files that run and output NaN.
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["step"])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        # Or the product with a constant on its left becomes one FULLY_CONNECTED a stem, with transposes around.
        converter._experimental_disable_batchmatmul_unfold = True
        return converter.convert()
