"""The first frame of an mp3, which counts the others: Xing's or VBRI's, with LAME's delay and padding."""

from __future__ import annotations

import struct
from typing import NamedTuple

from keras_sep.audio.sink import Sink
from keras_sep.audio.view import View

_ID3 = 10  # bytes of its header
_DECODER = 529  # samples by which every decoder is late
_SEARCHED = 2048  # bytes of the first frame and what follows
_CHECKSUM = 34  # bytes from LAME's name to the checksum of all before it
_DELAYS = 21  # bytes from there to 12 bits of delay and 12 of padding


class FrameCount(NamedTuple):
    """What the first frame says: how many frames follow, and how many samples of them are none of the song.

    Attributes:
        frames: without this one; 0 where it does not say.
        delay, padding: samples before the song, the decoder's own among them, and behind it.
    """

    frames: int
    delay: int
    padding: int


def frame_count(file: View | Sink) -> FrameCount | None:
    """Returns what the first frame counts, or None where it is one like the others."""
    _, frame = _first_frame(file)
    for tag in (b"Xing", b"Info"):
        if 0 <= (place := frame.find(tag)) < _SEARCHED:
            flags, count = struct.unpack_from(">II", frame, place + 4)
            delay = padding = 0
            if (lame := _lame(frame, place)) is not None:
                both = int.from_bytes(frame[lame + _DELAYS : lame + _DELAYS + 3], "big")
                delay, padding = (both >> 12) + _DECODER, max(0, (both & 0xFFF) - _DECODER)
            return FrameCount(count if flags & 1 else 0, delay, padding)
    if 0 <= (place := frame.find(b"VBRI")) < _SEARCHED:
        return FrameCount(struct.unpack_from(">I", frame, place + 14)[0], 0, 0)
    return None


def samples_per_frame(sample_rate: int) -> int:
    return 1152 if sample_rate >= 32000 else 576


def state_length(file: Sink, num_samples: int, sample_rate: int) -> None:
    """Makes the first frame of a finished file state `num_samples`: FFmpeg forgets padding of more than a frame."""
    start, frame = _first_frame(file)
    place = max(frame.find(b"Xing"), frame.find(b"Info"))
    lame = None if place < 0 else _lame(frame, place)
    if lame is None:
        return
    at = lame + _DELAYS
    delay = int.from_bytes(frame[at : at + 3], "big") >> 12
    (frames,) = struct.unpack_from(">I", frame, place + 8)
    padding = frames * samples_per_frame(sample_rate) - delay - num_samples
    if 0 <= padding < 1 << 12:
        head = frame[:at] + (delay << 12 | padding).to_bytes(3, "big") + frame[at + 3 : lame + _CHECKSUM]
        file.seek(start)
        file.write(head + struct.pack(">H", _checksum(head)))


def id3_size(head: bytes) -> int:
    """Returns the length of an ID3 tag, in bytes; it comes in four times seven bits."""
    return _ID3 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:_ID3], (21, 14, 7, 0), strict=False))


def _first_frame(file: View | Sink) -> tuple[int, bytes]:
    """Where the first frame begins, behind tags, and what is there."""
    position = 0
    file.seek(0)
    while (head := file.read(_ID3)).startswith(b"ID3"):
        position += id3_size(head)
        file.seek(position)
    return position, (head + file.read(_SEARCHED)).ljust(2 * _SEARCHED, b"\0")


def _lame(frame: bytes, place: int) -> int | None:
    """Where LAME's part begins behind the tag at `place`, or None where there is none."""
    flags = frame[place + 7]
    # The count, the file's size, a table of 100 bytes and the quality, each if its flag is set.
    lame = place + 8 + sum(size for bit, size in enumerate((4, 4, 100, 4)) if flags >> bit & 1)
    return lame if frame[lame : lame + 4] in (b"LAME", b"Lavf", b"Lavc") else None


def _checksum(data: bytes) -> int:
    """CRC-16 with the polynomial 0x8005, bits the other way round."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc
