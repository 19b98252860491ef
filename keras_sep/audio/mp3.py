"""Counting frame of an mp3 file: a silent first frame that states the length, in a Xing, Info or VBRI header.

LAME's extension of it also states how many samples encoding has added before and after the song.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from keras_sep.audio.sink import Sink
from keras_sep.audio.view import View

_ID3 = 10  # bytes of its header
_DECODER = 529  # samples of delay of every decoder
_SEARCHED = 2048  # bytes, more than a counting frame has
_CHECKSUM = 34  # bytes from LAME's name to the checksum of everything before it
_DELAYS = 21  # bytes from LAME's name to 12 bits of delay and 12 of padding


class FrameCount(NamedTuple):
    """Content of a counting frame.

    Attributes:
        frames: number of frames after this one; 0 means unknown.
        delay: samples before the song, the decoder's delay included.
        padding: samples after the song.

    Examples:
        >>> from keras_sep.audio.mp3 import FrameCount, samples_per_frame
        >>> count = FrameCount(frames=40, delay=1105, padding=875)
        >>> count.frames * samples_per_frame(44100) - count.delay - count.padding
        44100
    """

    frames: int
    delay: int
    padding: int


def frame_count(file: View | Sink) -> FrameCount | None:
    """Reads the counting frame of an mp3 file; returns None if the first frame is an ordinary one.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.audio import AudioWriter
        >>> from keras_sep.audio.mp3 import frame_count
        >>> from keras_sep.audio.view import View
        >>> writer = AudioWriter("song.mp3", 44100, 2, "mp3")
        >>> writer.open()
        >>> writer.write(np.zeros((44100, 2), np.float32))
        >>> writer.finish()
        >>> writer.commit()
        >>> with open("song.mp3", "rb") as file:
        ...     count = frame_count(View(file))
        >>> 1152 * count.frames - count.delay - count.padding
        44100
    """
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
    """Returns the number of samples per channel in an mp3 frame, by the sample rate in Hz.

    Examples:
        >>> from keras_sep.audio.mp3 import samples_per_frame
        >>> samples_per_frame(44100), samples_per_frame(22050)
        (1152, 576)
    """
    return 1152 if sample_rate >= 32000 else 576


def state_length(file: Sink, num_samples: int, sample_rate: int) -> None:
    """Writes the length of a finished mp3 file into its counting frame; does nothing if there is none of LAME's form.

    Needed because FFmpeg never states a padding of more than one frame.

    Args:
        file: the whole mp3 file.
        num_samples: length of the song in samples per channel.
        sample_rate: Hz.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.audio import AudioWriter
        >>> from keras_sep.audio.mp3 import frame_count, state_length
        >>> from keras_sep.audio.sink import Sink
        >>> writer = AudioWriter("song.mp3", 44100, 2, "mp3")
        >>> writer.open()
        >>> writer.write(np.zeros((44100, 2), np.float32))
        >>> writer.finish()
        >>> writer.commit()
        >>> with open("song.mp3", "rb+") as file:
        ...     state_length(Sink(file), 44000, 44100)
        ...     count = frame_count(Sink(file))
        >>> 1152 * count.frames - count.delay - count.padding
        44000
    """
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
    """Returns the length of an ID3 tag in bytes, its header included.

    Args:
        head: the tag's first 10 bytes; the last four hold seven bits of the length each.

    Examples:
        >>> from keras_sep.audio.mp3 import id3_size
        >>> id3_size(b"ID3" + bytes([4, 0, 0, 0, 0, 1, 0]))
        138
    """
    return _ID3 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:_ID3], (21, 14, 7, 0), strict=False))


def _first_frame(file: View | Sink) -> tuple[int, bytes]:
    """Returns the position of the first frame, after all tags, and the bytes from there on."""
    position = 0
    file.seek(0)
    while (head := file.read(_ID3)).startswith(b"ID3"):
        position += id3_size(head)
        file.seek(position)
    return position, (head + file.read(_SEARCHED)).ljust(2 * _SEARCHED, b"\0")


def _lame(frame: bytes, place: int) -> int | None:
    """Returns where LAME's extension of the header at `place` begins, or None if there is none."""
    flags = frame[place + 7]
    # Four fields, each there if its flag is set: the count, the file's size, a table of 100 bytes, the quality.
    lame = place + 8 + sum(size for bit, size in enumerate((4, 4, 100, 4)) if flags >> bit & 1)
    return lame if frame[lame : lame + 4] in (b"LAME", b"Lavf", b"Lavc") else None


def _checksum(data: bytes) -> int:
    """Computes a CRC-16 with the polynomial 0x8005 and reversed bits."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc
