"""Makes unit-{mask,waveform}-float32.tflite: a model whose vocals mask is 1 and whose accompaniment mask is 1/2.

What goes in comes out of it, late by the algorithmic latency: the reference for delays, lengths and channels,
without a trained network. Run from the repository's root: .venv/bin/python -m tests.golden.make_unit_masks
"""

from __future__ import annotations

from pathlib import Path

import keras
from keras import layers, ops

from export.convert import convert
from keras_sep.models import build_sequence_model
from keras_sep.spec import StreamSpec


def build_unit_masks(spec: StreamSpec) -> keras.Model:
    frame = keras.Input((spec.num_bins, spec.num_channels), name="frame")
    encoder = keras.Model(frame, [frame[:, :4, 0], frame * 1.0], name="encoder")
    recurrent = keras.Input((2,), name="recurrent")
    skip = keras.Input(frame.shape[1:], name="skip")
    # A mask must depend on its inputs to be a graph, but not on their values.
    ones = ops.minimum(skip * 0.0 + 1.0, ops.sum(recurrent * 0.0) + 1.0)
    decoder = keras.Model([recurrent, skip], {"vocals_mask": ones, "accompaniment_mask": ones * 0.5}, name="decoder")
    gru = layers.GRU(2, return_sequences=True, name="gru")
    return build_sequence_model(encoder, [gru], decoder, name="unit_masks")


if __name__ == "__main__":
    spec = StreamSpec()
    convert(build_unit_masks(spec), spec, Path(__file__).parent, "unit", precisions=("float32",))
