"""Writer of the JSON that `keras_sep.metadata` reads."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import keras
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from keras_sep import metadata
from keras_sep._version import __version__
from keras_sep.tflite.flatbuffer import pack, unpack
from keras_sep.tflite.graphs import Graph


def describe(graph: Graph, name: str, precision: str, provenance: dict[str, Any] | None = None) -> dict[str, Any]:
    """Collects the metadata of a file.

    Args:
        graph: the graph inside.
        name: name of the file.
        precision: one of `keras_sep.tflite.PRECISIONS`.
        provenance: kept as it is.

    Examples:
        >>> from keras_sep.models import OrUnet
        >>> from keras_sep.tflite.graphs import MaskCore
        >>> from keras_sep.tflite.metadata import describe
        >>> about = describe(MaskCore(OrUnet("tiny")), "tiny", "float32")
        >>> about["graph"], about["precision"], about["spec"]["frame_step"]
        ('mask', 'float32', 512)
    """
    return {
        "format": metadata.FORMAT,
        "name": name,
        "graph": graph.kind,
        "precision": precision,
        "parameters": graph.network.count_params(),
        "spec": graph.spec.to_dict(),
        "made_by": f"keras_sep {__version__}, TensorFlow {tf.__version__}, Keras {keras.__version__}",
        "provenance": provenance or {},
    }


def add_metadata(content: bytes, about: dict[str, Any]) -> bytes:
    """Sets the entry that `keras_sep.metadata.read_metadata` reads, with the file's own digest, and nothing else.

    Args:
        content: the file's bytes.
        about: what `describe` returned.

    Returns:
        The file's bytes with the entry.

    Examples:
        >>> from keras_sep.metadata import read_metadata
        >>> from keras_sep.models import OrUnet
        >>> from keras_sep.tflite.converter import to_float32
        >>> from keras_sep.tflite.graphs import MaskCore
        >>> from keras_sep.tflite.metadata import add_metadata, describe
        >>> graph = MaskCore(OrUnet("tiny"))
        >>> content = add_metadata(to_float32(graph), describe(graph, "tiny", "float32"))
        >>> read_metadata(content)["name"]
        'tiny'
    """
    model = unpack(content)
    text = json.dumps({**about, "sha256": metadata.BLANK_DIGEST}, ensure_ascii=False).encode()
    entry = next((entry for entry in model.metadata or [] if _name(entry) == metadata.ENTRY), None)
    if entry is None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = metadata.ENTRY, len(model.buffers)
        model.buffers.append(schema.BufferT())
        model.metadata = [*(model.metadata or []), entry]
    model.buffers[entry.buffer].data = list(text)
    packed = pack(model)
    digest = hashlib.sha256(packed).hexdigest()
    return packed.replace(metadata.BLANK_DIGEST.encode(), digest.encode(), 1)


def _name(entry: Any) -> str:
    return entry.name.decode() if isinstance(entry.name, bytes) else entry.name
