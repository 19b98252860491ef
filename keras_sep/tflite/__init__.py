"""Conversion of a Keras network to a .tflite file that streams: graphs → converter → quantise → metadata.

Needs TensorFlow and ai-edge-quantizer (`pip install "keras-sep[export]"`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from keras_sep.models import OnlineNetwork
from keras_sep.tflite.converter import to_float32
from keras_sep.tflite.graphs import GRAPHS
from keras_sep.tflite.metadata import add_metadata, describe
from keras_sep.tflite.quantise import PRECISIONS, quantise


def convert(
    network: OnlineNetwork,
    path: str | os.PathLike[str],
    *,
    graph: str = "waveform",
    precision: str = "dynamic_int8",
    provenance: dict[str, Any] | None = None,
) -> None:
    """Writes a network as a .tflite file for `keras_sep.Separator(model=path)` and any other TFLite runtime.

    Args:
        network: an online network, such as `keras_sep.models.OrUnet`.
        path: path of the new file.
        graph: "waveform", from samples to stems, or "mask", from a magnitude to masks.
        precision: one of `keras_sep.tflite.PRECISIONS`.
        provenance: anything to keep in the file's metadata, such as the training data.

    Raises:
        ValueError: a network that is not online, or an unknown graph or precision.

    Examples:
        >>> from keras_sep import Separator
        >>> from keras_sep.models import OrUnet
        >>> from keras_sep.tflite import convert
        >>> convert(OrUnet("tiny"), "tiny.tflite")
        >>> Separator(model="tiny.tflite").spec.sample_rate
        44100
    """
    for name, value, known in (("graph", graph, GRAPHS), ("precision", precision, PRECISIONS)):
        if value not in known:
            raise ValueError(f"convert: {name} must be one of {', '.join(known)}. Received: {name}={value!r}")
    path, module = Path(path), GRAPHS[graph](network)
    content = add_metadata(quantise(to_float32(module), precision), describe(module, path.stem, precision, provenance))
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
