"""Metadata of a .tflite file, read from the JSON inside it: format, graph, precision, spec, provenance.

It is an entry named "keras_sep" of the FlatBuffer's own metadata table (schema.fbs of TensorFlow
Lite), read here with `struct` alone, so that the runtime needs no FlatBuffers package. It carries
the SHA-256 of the file with the digest itself replaced by zeros: a damaged file is refused before an
interpreter sees it, because interpreters crash on such files.
"""

from __future__ import annotations

import hashlib
import json
import struct
from typing import Any

from keras_sep.errors import ModelFileError

ENTRY = "keras_sep"
FORMAT = 1
BLANK_DIGEST = "0" * 64

# Field numbers in TensorFlow Lite's schema.fbs.
_MODEL_BUFFERS, _MODEL_METADATA = 4, 6
_METADATA_NAME, _METADATA_BUFFER = 0, 1
_BUFFER_DATA = 0


def read_metadata(content: bytes, name: str = "model") -> dict[str, Any]:
    """Returns the metadata of a .tflite file after checking that the file is whole.

    Args:
        content: the file's bytes.
        name: what to call it in errors.

    Raises:
        ModelFileError: not a TFLite file, without our metadata, of an unknown format, or damaged.

    Examples:
        >>> from keras_sep.metadata import read_metadata
        >>> from keras_sep.presets import get_preset
        >>> content = get_preset("small").file("mask", "dynamic_int8").path().read_bytes()
        >>> metadata = read_metadata(content)
        >>> metadata["graph"], metadata["precision"], metadata["spec"]["sample_rate"]
        ('mask', 'dynamic_int8', 44100)
    """
    if content[4:8] != b"TFL3":
        raise ModelFileError(f"{name}: expected a .tflite file. Received: {len(content)} bytes that are not one")
    try:
        raw = _find(content)
        metadata = None if raw is None else json.loads(raw)
    except (struct.error, IndexError) as error:
        raise ModelFileError(f"{name}: the .tflite file is damaged (its tables point outside the file)") from error
    except (ValueError, RecursionError) as error:  # also: text that is not UTF-8, a number of thousands of digits
        raise ModelFileError(f"{name}: the .tflite file is damaged (its metadata is not JSON)") from error
    if not isinstance(metadata, dict):
        raise ModelFileError(
            f"{name}: expected a .tflite file made by `python -m export`. Received: one without its spec"
        )
    if metadata.get("format") != FORMAT:
        raise ModelFileError(f"{name}: expected metadata format {FORMAT}. Received: {metadata.get('format')!r}")
    digest = metadata.get("sha256")
    if not (isinstance(digest, str) and digest.isascii() and digest == content_digest(content, digest)):
        raise ModelFileError(f"{name}: the .tflite file is damaged (its SHA-256 is not the one it carries)")
    return metadata


def content_digest(content: bytes, digest: str) -> str:
    """Computes the SHA-256 of a file with its own digest blanked out.

    Args:
        content: the file's bytes.
        digest: the digest that it carries, 64 hexadecimal digits.

    Examples:
        >>> from keras_sep.metadata import content_digest, read_metadata
        >>> from keras_sep.presets import get_preset
        >>> content = get_preset("small").file("mask", "dynamic_int8").path().read_bytes()
        >>> digest = read_metadata(content)["sha256"]
        >>> content_digest(content, digest) == digest
        True
    """
    return hashlib.sha256(content.replace(digest.encode(), BLANK_DIGEST.encode(), 1)).hexdigest()


def _find(content: bytes) -> bytes | None:
    (root,) = struct.unpack_from("<I", content, 0)
    buffers = _vector(content, _field(content, root, _MODEL_BUFFERS))
    for entry in _vector(content, _field(content, root, _MODEL_METADATA)):
        start, size = _bytes(content, _field(content, entry, _METADATA_NAME))
        if content[start : start + size] != ENTRY.encode():
            continue
        place = _field(content, entry, _METADATA_BUFFER)
        index = struct.unpack_from("<I", content, place)[0] if place else 0
        start, size = _bytes(content, _field(content, buffers[index], _BUFFER_DATA))
        if start + size > len(content):
            raise struct.error("buffer outside the file")
        return content[start : start + size]
    return None


def _field(content: bytes, table: int, number: int) -> int:
    """Finds the position of a table's field, 0 where it is absent."""
    vtable = table - struct.unpack_from("<i", content, table)[0]
    if vtable < 0:
        raise struct.error("table outside the file")
    (size,) = struct.unpack_from("<H", content, vtable)
    slot = 4 + 2 * number
    offset = struct.unpack_from("<H", content, vtable + slot)[0] if slot < size else 0
    return table + offset if offset else 0


def _bytes(content: bytes, field: int) -> tuple[int, int]:
    """Finds the start and length of the vector or string that a field points to."""
    if not field:
        return 0, 0
    start = field + struct.unpack_from("<I", content, field)[0]
    return start + 4, struct.unpack_from("<I", content, start)[0]


def _vector(content: bytes, field: int) -> list[int]:
    """Finds the positions of the tables in a vector."""
    start, count = _bytes(content, field)
    offsets = struct.unpack_from(f"<{count}I", content, start) if count else ()
    return [start + 4 * i + offset for i, offset in enumerate(offsets)]
