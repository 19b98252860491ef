"""Android's own resources, in the older table format that the aapt2 of Debian reads.

Since Android 14 the framework's table has 16-bit offsets and entries that lie in one word. What an application links
against is which resources exist, under which number, and what an attribute accepts. So every resource is kept once,
in the first configuration that has it, in the plain form. Formats: frameworks/base/libs/androidfw ResourceTypes.h.
"""

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

PACKAGE, TYPE, TYPE_SPEC, STAGED_ALIAS = 0x200, 0x201, 0x202, 0x206
SPARSE, OFFSETS_OF_16_BITS = 1, 2
COMPLEX, COMPACT = 1, 8


def write_framework(jar: Path, apk: Path) -> None:
    """Writes the manifest and the translated table of an android-all jar."""
    with zipfile.ZipFile(jar) as source, zipfile.ZipFile(apk, "w") as out:
        out.writestr("AndroidManifest.xml", source.read("AndroidManifest.xml"))
        out.writestr("resources.arsc", _plain_table(source.read("resources.arsc")))


def _plain_table(table: bytes) -> bytes:
    """Packages after the first hold numbers that are not yet final, which no application may name."""
    header = struct.unpack_from("<H", table, 2)[0]
    chunks = list(_chunks(table, header))
    package = next(chunk for kind, chunk in chunks if kind == PACKAGE)
    strings = b"".join(chunk for kind, chunk in chunks if kind != PACKAGE)
    return _sized(table[:8] + struct.pack("<I", 1) + strings + _plain_package(package))


def _plain_package(package: bytes) -> bytes:
    header = struct.unpack_from("<H", package, 2)[0]
    chunks = list(_chunks(package, header))
    first: dict[int, bytes] = {}
    entries: dict[int, dict[int, bytes]] = {}
    for kind, chunk in chunks:
        if kind == TYPE:
            first.setdefault(chunk[8], chunk)
            for index, entry in _entries(chunk):
                entries.setdefault(chunk[8], {}).setdefault(index, entry)
    out = package[:header]
    for kind, chunk in chunks:
        if kind not in (TYPE, STAGED_ALIAS):
            out += chunk
        if kind == TYPE_SPEC and chunk[8] in first:
            out += _plain_type(first[chunk[8]], entries[chunk[8]])
    return _sized(out)


def _plain_type(chunk: bytes, entries: dict[int, bytes]) -> bytes:
    header = struct.unpack_from("<H", chunk, 2)[0]
    offsets, body = [0xFFFFFFFF] * (max(entries) + 1), bytearray()
    for index in sorted(entries):
        offsets[index] = len(body)
        body += entries[index]
    count = len(offsets)
    fields = struct.pack("<BHII", 0, 0, count, header + 4 * count)
    return _sized(chunk[:9] + fields + chunk[20:header] + struct.pack(f"<{count}I", *offsets) + body)


def _entries(chunk: bytes) -> Iterator[tuple[int, bytes]]:
    header = struct.unpack_from("<H", chunk, 2)[0]
    flags, count, start = struct.unpack_from("<BxxII", chunk, 9)
    if flags & SPARSE:
        offsets = [(index, 4 * at) for index, at in struct.iter_unpack("<HH", chunk[header : header + 4 * count])]
    elif flags & OFFSETS_OF_16_BITS:
        words = struct.unpack_from(f"<{count}H", chunk, header)
        offsets = [(index, 4 * at) for index, at in enumerate(words) if at != 0xFFFF]
    else:
        words = struct.unpack_from(f"<{count}I", chunk, header)
        offsets = [(index, at) for index, at in enumerate(words) if at != 0xFFFFFFFF]
    for index, offset in offsets:
        at = start + offset
        size_or_key, entry_flags, data = struct.unpack_from("<HHI", chunk, at)
        if entry_flags & COMPACT:
            plain = entry_flags & 0xFF & ~COMPACT
            yield index, struct.pack("<HHIHBBI", 8, plain, size_or_key, 8, 0, entry_flags >> 8, data)
        elif entry_flags & COMPLEX:
            yield index, chunk[at : at + 16 + 12 * struct.unpack_from("<I", chunk, at + 12)[0]]
        else:
            yield index, chunk[at : at + 16]


def _chunks(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at < len(data):
        kind, _, size = struct.unpack_from("<HHI", data, at)
        yield kind, data[at : at + size]
        at += size


def _sized(chunk: bytes) -> bytes:
    return chunk[:4] + struct.pack("<I", len(chunk)) + chunk[8:]
