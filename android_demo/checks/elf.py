"""The alignment that a native library asks for: on devices with pages of 16 KB it has to be 16384."""

import struct

LOAD = 1


def load_alignment(library: bytes) -> int:
    if library[:4] != b"\x7fELF":
        raise ValueError(f"expected an ELF file. Received one that begins with {library[:4]!r}")
    is_64_bit = library[4] == 2
    word, width = ("<Q", 8) if is_64_bit else ("<I", 4)
    headers_at = struct.unpack_from(word, library, 32 if is_64_bit else 28)[0]
    size, count = struct.unpack_from("<HH", library, 54 if is_64_bit else 42)
    headers = [library[headers_at + k * size : headers_at + (k + 1) * size] for k in range(count)]
    loads = [header for header in headers if struct.unpack_from("<I", header)[0] == LOAD]
    return min(struct.unpack_from(word, load, size - width)[0] for load in loads)  # the last field
