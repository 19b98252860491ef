"""Our network in its sizes, with random weights: what it would cost, without the training."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from common.example_song import example_song
from keras_sep.spec import StreamSpec

# Of keras_sep.models.BinMemoryUnet, which cannot be asked without importing Keras.
SIZES = ("tiny", "s", "m", "l")
SECONDS = 2  # of music that calibrates: the ranges cost nothing


def convert_random(size: str, out: str) -> dict[str, Any]:
    """Every graph in every precision it can have; not compared with Keras, because nobody will hear it.

    Returns:
        A list of files as `export.conversion.convert.convert` writes it.
    """
    import keras

    from keras_sep.models import build_network
    from keras_sep.tflite.converter import to_float32
    from keras_sep.tflite.graphs import GRAPHS
    from keras_sep.tflite.metadata import add_metadata, describe
    from keras_sep.tflite.quantise import PRECISIONS, quantise
    from keras_sep.tflite.samples import calibration_samples

    spec = StreamSpec(views=("left", "right", "mid", "side"))
    keras.utils.set_random_seed(0)
    network = build_network("bin_memory_unet", size, spec)
    music = [example_song(spec.sample_rate, spec.num_channels)[: round(SECONDS * spec.sample_rate)]]
    files = []
    for kind, graph in GRAPHS.items():
        module = graph(network)
        exact, samples = to_float32(module), list(calibration_samples(module, music))
        for precision in PRECISIONS:
            content = add_metadata(quantise(exact, precision, samples), describe(module, "random", precision))
            path = Path(out) / f"random-{size}-{kind}-{precision}.tflite"
            path.write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            files.append({"graph": kind, "precision": precision, "file": path.name, "sha256": digest})
    return {"name": "random", "spec": spec.to_dict(), "provenance": {"model": {"size": size}}, "files": files}
