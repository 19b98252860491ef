"""Intact inputs of the targets of `fuzz.models.target`, and model files with any metadata."""

from __future__ import annotations

import struct
from pathlib import Path

from keras_sep.metadata import BLANK_DIGEST, content_digest, read_metadata
from keras_sep.spec import StreamSpec

MODEL = Path(__file__).parents[2] / "tests" / "golden" / "unit-mask-float32.tflite"
TARGETS = ("content", "metadata", "spec")


def with_metadata(model: bytes, text: bytes) -> bytes:
    """Returns a model file with other metadata; a blank SHA-256 in it becomes the file's own.

    The text is put behind the file, and what points to the former one, to it.
    """
    old = model.index(b'{"format"') - 4  # behind its length
    pointer = next(at for at in range(0, old, 4) if at + struct.unpack_from("<I", model, at)[0] == old)
    model += bytes(-len(model) % 4)
    whole = model[:pointer] + struct.pack("<I", len(model) - pointer) + model[pointer + 4 :]
    whole += struct.pack("<I", len(text)) + text
    return whole.replace(BLANK_DIGEST.encode(), content_digest(whole, BLANK_DIGEST).encode(), 1)


def beginnings(target: str) -> list[bytes]:
    """Returns intact inputs of a target."""
    if target == "spec":
        return [StreamSpec().to_json().encode(), StreamSpec(views=("left", "right", "mid", "side")).to_json().encode()]
    model = MODEL.read_bytes()
    if target == "content":
        return [model, with_metadata(model, b"{}")]
    start = model.index(b'{"format"')
    (size,) = struct.unpack_from("<I", model, start - 4)
    text = model[start : start + size]
    return [text.replace(read_metadata(model)["sha256"].encode(), BLANK_DIGEST.encode())]
