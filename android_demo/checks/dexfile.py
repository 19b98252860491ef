"""What a dex file defines and what it refers to. Format: https://source.android.com/docs/core/runtime/dex-format"""

import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class DexFile:
    """Names of classes as in class files: java/lang/Object."""

    defined: frozenset[str]
    referred: frozenset[str]


def read_dex(data: bytes) -> DexFile:
    if data[:4] != b"dex\n":
        raise ValueError(f"expected a dex file. Received one that begins with {data[:8]!r}")
    num_strings, strings_at, num_types, types_at = struct.unpack_from("<4I", data, 56)
    num_classes, classes_at = struct.unpack_from("<2I", data, 96)
    strings = struct.unpack_from(f"<{num_strings}I", data, strings_at)
    types = [_text(data, strings[index]) for index in struct.unpack_from(f"<{num_types}I", data, types_at)]
    defined = {types[struct.unpack_from("<I", data, classes_at + 32 * k)[0]] for k in range(num_classes)}
    # Of an array the class of its elements counts; primitive types are no classes.
    classes = {name.lstrip("[") for name in types}
    return DexFile(*(frozenset(n[1:-1] for n in names if n.startswith("L")) for names in (defined, classes)))


def _text(data: bytes, at: int) -> str:
    while data[at] & 0x80:  # a length, seven bits to a byte
        at += 1
    return data[at + 1 : data.index(0, at + 1)].decode("utf-8", "surrogatepass")
