"""Our network with random weights as files, which show what a size costs before anybody trains it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from keras_sep.spec import StreamSpec

# The sizes of keras_sep.models.BinMemoryUnet, not imported from there: that loads Keras.
SIZES = ("tiny", "s", "m", "l")


def convert_random(size: str, out: str) -> dict[str, Any]:
    """Converts a network with random weights to every graph in every precision.

    The files are not compared with Keras: nobody will listen to them.

    Args:
        size: one of `SIZES`.
        out: existing folder for the files.

    Returns:
        A list of the files in the form of the `<name>.json` of `python -m export convert`.
    """
    import keras

    from keras_sep.models import build_network
    from keras_sep.tflite.converter import to_float32
    from keras_sep.tflite.graphs import GRAPHS
    from keras_sep.tflite.metadata import add_metadata, describe
    from keras_sep.tflite.quantise import PRECISIONS, quantise

    spec = StreamSpec(views=("left", "right", "mid", "side"))
    keras.utils.set_random_seed(0)
    network = build_network("bin_memory_unet", size, spec)
    files = []
    for kind, graph in GRAPHS.items():
        module = graph(network)
        exact = to_float32(module)
        for precision in PRECISIONS:
            content = add_metadata(quantise(exact, precision), describe(module, "random", precision))
            path = Path(out) / f"random-{size}-{kind}-{precision}.tflite"
            path.write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            files.append({"graph": kind, "precision": precision, "file": path.name, "sha256": digest})
    return {"name": "random", "spec": spec.to_dict(), "provenance": {"model": {"size": size}}, "files": files}
