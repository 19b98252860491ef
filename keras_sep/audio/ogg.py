"""Ogg pages, found in a file or written with other tags."""

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
_SEARCH = 1 << 16  # bytes read at a time
_VORBIS_NAMES = {"track": "TRACKNUMBER", "disc": "DISCNUMBER", "album_artist": "ALBUMARTIST"}


@dataclass(frozen=True)
class Page:
    """Header of an Ogg page.

    Attributes:
        start: position of the page in its file, in bytes.
        flags: flags of the header.
        granule: position of its last complete packet in the stream; for audio, in samples.
        serial: number of its stream.
        lacing: sizes of the segments, a byte each; one below 255 ends a packet.
        is_intact: whether the page is complete and its checksum right.
        body_start: position of its body in the file, in bytes.
        size: size of the whole page in bytes.
        begins: whether it is the first page of its stream.
        ends: whether it is the last one.

    Examples:
        >>> from keras_sep import example
        >>> from keras_sep.audio.ogg import pages
        >>> with open(example() / "vocals.ogg", "rb") as file:
        ...     page = next(pages(file))
        >>> page.begins, page.body_start, page.size  # a header of 28 bytes, and Vorbis' first packet of 30
        (True, 28, 58)
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
    """Yields the pages of a file, damaged ones included, and None wherever other data lies between two pages.

    Args:
        file: seekable binary file.

    Examples:
        >>> import io
        >>> from keras_sep import example
        >>> from keras_sep.audio.ogg import pages
        >>> ogg = (example() / "vocals.ogg").read_bytes()
        >>> [page is None for page in pages(io.BytesIO(ogg[:58] + b"noise" + ogg[58:]))][:3]
        [False, True, False]
    """
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


def first_page(file: BinaryIO, page: Page) -> bytes:
    """Returns the bytes of an intact page as if it were the first one of its stream.

    Args:
        file: seekable binary file.
        page: page of that file.

    Examples:
        >>> from keras_sep import example
        >>> from keras_sep.audio.ogg import first_page, pages
        >>> with open(example() / "vocals.ogg", "rb") as file:
        ...     first, second, *_ = pages(file)
        ...     first_page(file, second)[5]  # its flags
        2
    """
    file.seek(page.start)
    data = file.read(page.size)
    return _with_checksum(data[:5] + bytes([page.flags | _FIRST]) + data[6:])


class VorbisTagger:
    """Output file for libsndfile's Vorbis encoder, which replaces the tags and removes what is random.

    The stream's random serial number becomes 0, so that the same sound always gives the same bytes.

    Args:
        file: output file that gets the changed stream.
        tags: tags by FFmpeg's names.

    Examples:
        >>> import numpy as np
        >>> import soundfile
        >>> from keras_sep.audio import AudioReader
        >>> from keras_sep.audio.ogg import VorbisTagger
        >>> from keras_sep.audio.sink import Sink
        >>> with open("song.ogg", "wb+") as file:
        ...     tagger = VorbisTagger(Sink(file), {"title": "Song"})
        ...     with soundfile.SoundFile(tagger, "w", 44100, 2, format="OGG", subtype="VORBIS") as sound:
        ...         sound.write(np.zeros((44100, 2)))
        >>> with AudioReader("song.ogg") as reader:
        ...     reader.num_samples, reader.tags
        (44100, {'title': 'Song'})
    """

    def __init__(self, file: Sink, tags: Mapping[str, str]):
        self._file, self._tags = file, tags
        self._pending, self._position = b"", 0
        self._headers: list[bytes] | None = []  # packets before the sound; None once all three are written
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
        identification, comment, setup = self._headers  # nothing else: the sound begins on a new page
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
        self._file.write(_with_checksum(head + body))
        self._number += 1


def _without_checksum(page: bytes) -> bytes:
    return page[:22] + bytes(4) + page[26:]


def _with_checksum(page: bytes) -> bytes:
    return page[:22] + struct.pack("<I", checksum(_without_checksum(page))) + page[26:]


def checksum(data: bytes) -> int:
    """Computes Ogg's CRC-32: zlib's with reversed bits, in every byte and in the result, and with the start value 0.

    Examples:
        >>> from keras_sep.audio.ogg import checksum
        >>> hex(checksum(b"OggS"))
        '0x5fb0a94f'
    """
    reversed_crc = zlib.crc32(data.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reversed_crc:032b}"[::-1], 2)


def _comment(packet: bytes, tags: Mapping[str, str]) -> bytes:
    """Builds a Vorbis comment packet with these tags and the encoder's name from `packet`."""
    start = len(b"\x03vorbis")
    (length,) = struct.unpack_from("<I", packet, start)
    entries = [f"{_VORBIS_NAMES.get(key, key.upper())}={value}".encode() for key, value in tags.items()]
    result = packet[: start + 4 + length] + struct.pack("<I", len(entries))
    return result + b"".join(struct.pack("<I", len(entry)) + entry for entry in entries) + b"\x01"
