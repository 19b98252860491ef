"""Ogg pages: found in a file, and written anew."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from keras_sep.audio.sink import Sink

_CAPTURE = b"OggS"
_HEADER = struct.Struct("<4sBBqIIIB")  # capture, version, flags, granule, serial, number, CRC, segments
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_NO_GRANULE = -1  # no packet ends on this page
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_SEARCH = 1 << 16  # bytes looked through at a time
_VORBIS_NAMES = {"track": "TRACKNUMBER", "disc": "DISCNUMBER", "album_artist": "ALBUMARTIST"}


@dataclass(frozen=True)
class Page:
    """The header of a page.

    Attributes:
        start, size: bytes, in the file.  flags, granule, serial: as the header has them.
        lacing: sizes of its segments; one below 255 ends a packet.
        is_intact: all of it is there, and its checksum is right.
    """

    start: int
    flags: int
    granule: int
    serial: int
    lacing: bytes
    is_intact: bool = True

    @property
    def body_start(self) -> int:
        return self.start + _HEADER.size + len(self.lacing)

    @property
    def size(self) -> int:
        return _HEADER.size + len(self.lacing) + sum(self.lacing)

    @property
    def begins(self) -> bool:
        return bool(self.flags & _FIRST)

    @property
    def ends(self) -> bool:
        return bool(self.flags & _LAST)


def pages(file: BinaryIO) -> Iterator[Page | None]:
    """Yields each page of a file that can seek, complete or not; None where something else lies between two."""
    position = 0
    while True:
        file.seek(position)
        page = _page(file, position)
        if page is None:
            position = _next_capture(file, position + 1)
            if position < 0:
                return
            yield None
        else:
            yield page
            position += page.size


def _page(file: BinaryIO, position: int) -> Page | None:
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size or not head.startswith(_CAPTURE):
        return None
    _, version, flags, granule, serial, _, stated, segments = _HEADER.unpack(head)
    lacing = file.read(segments)
    if version or len(lacing) < segments:
        return None
    body = file.read(sum(lacing))
    is_intact = len(body) == sum(lacing) and checksum(_without_checksum(head) + lacing + body) == stated
    return Page(position, flags, granule, serial, lacing, is_intact)


def _next_capture(file: BinaryIO, position: int) -> int:
    file.seek(position)
    rest = b""
    while data := file.read(_SEARCH):
        found = (rest + data).find(_CAPTURE)
        if found >= 0:
            return position - len(rest) + found
        position += len(data)
        rest = (rest + data)[-3:]
    return -1


class VorbisTagger:
    """A file that libsndfile writes Vorbis to, and that passes it on with its own tags and without random numbers.

    Args:
        tags: by FFmpeg's names.
    """

    def __init__(self, file: Sink, tags: Mapping[str, str]):
        self._file, self._tags = file, tags
        self._pending, self._position = b"", 0
        self._headers: list[bytes] | None = []  # the packets before the sound, until there are all three
        self._packet = b""
        self._number = 0

    def write(self, data: bytes) -> int:
        self._position += len(data)
        self._pending += bytes(data)
        while (page := self._next_page()) is not None:
            size = page.size
            if len(self._pending) < size:
                break
            body, self._pending = self._pending[size - sum(page.lacing) : size], self._pending[size:]
            if self._headers is None:
                self._emit(page.flags, page.granule, page.lacing, body)
            else:
                self._take_headers(page.lacing, body)
        return len(data)

    def read(self, size: int = -1) -> bytes:
        return b""

    def seek(self, position: int, whence: int = 0) -> int:
        return self._position

    def tell(self) -> int:
        return self._position

    def _next_page(self) -> Page | None:
        if len(self._pending) < _HEADER.size:
            return None
        _, _, flags, granule, serial, _, _, segments = _HEADER.unpack_from(self._pending)
        lacing = self._pending[_HEADER.size : _HEADER.size + segments]
        return Page(0, flags, granule, serial, lacing) if len(lacing) == segments else None

    def _take_headers(self, lacing: bytes, body: bytes) -> None:
        assert self._headers is not None
        start = 0
        for size in lacing:
            self._packet += body[start : start + size]
            start += size
            if size < 255:
                self._headers.append(self._packet)
                self._packet = b""
        if len(self._headers) < 3:
            return
        identification, comment, setup = self._headers  # the sound begins on a page of its own
        self._headers = None
        self._emit(_FIRST, 0, bytes([len(identification)]), identification)
        packets = _comment(comment, self._tags), setup
        lacing = b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in packets)
        body, continued = b"".join(packets), False
        while lacing:
            part, lacing = lacing[:255], lacing[255:]
            size = sum(part)
            granule = 0 if min(part) < 255 else _NO_GRANULE
            self._emit(_CONTINUED * continued, granule, part, body[:size])
            body, continued = body[size:], part[-1] == 255

    def _emit(self, flags: int, granule: int, lacing: bytes, body: bytes) -> None:
        head = _HEADER.pack(_CAPTURE, 0, flags, granule, 0, self._number, 0, len(lacing)) + lacing
        self._file.write(head[:22] + struct.pack("<I", checksum(head + body)) + head[26:] + body)
        self._number += 1


def _without_checksum(head: bytes) -> bytes:
    return head[:22] + bytes(4) + head[26:]


def checksum(data: bytes) -> int:
    """Ogg's CRC-32: zlib's, with the bits of every byte and of the result the other way round, beginning with 0."""
    reversed_crc = zlib.crc32(data.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reversed_crc:032b}"[::-1], 2)


def _comment(packet: bytes, tags: Mapping[str, str]) -> bytes:
    """A Vorbis comment header with the encoder's name of `packet` and these tags."""
    start = len(b"\x03vorbis")
    (length,) = struct.unpack_from("<I", packet, start)
    entries = [f"{_VORBIS_NAMES.get(key, key.upper())}={value}".encode() for key, value in tags.items()]
    result = packet[: start + 4 + length] + struct.pack("<I", len(entries))
    return result + b"".join(struct.pack("<I", len(entry)) + entry for entry in entries) + b"\x01"
