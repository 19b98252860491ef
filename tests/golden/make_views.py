"""Makes views-{mask,waveform}-float32.tflite: a tiny network with random weights that also sees mid and side.

The reference for callers that compute the views themselves. Run from the repository's root:
.venv/bin/python -m tests.golden.make_views
"""

from __future__ import annotations

from pathlib import Path

import keras

from keras_sep.models import BinMemoryUnet
from keras_sep.spec import StreamSpec
from keras_sep.tflite.converter import to_float32
from keras_sep.tflite.graphs import GRAPHS
from keras_sep.tflite.metadata import add_metadata, describe

if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    network = BinMemoryUnet("tiny", StreamSpec(views=("left", "right", "mid", "side")))
    for kind, graph in GRAPHS.items():
        module = graph(network)
        content = add_metadata(to_float32(module), describe(module, "views", "float32"))
        (Path(__file__).parent / f"views-{kind}-float32.tflite").write_bytes(content)
