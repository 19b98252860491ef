"""Wav files, written block by block; RF64 where a length needs more than 32 bits."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np

from keras_sep.audio.limits import Array

_UNKNOWN = 0xFFFFFFFF  # the size that a header states until it is known
LONGEST = 0xFFFFFFFF  # bytes of a file without RF64
_INFO = {  # RIFF's names for tags
    "title": b"INAM",
    "artist": b"IART",
    "album": b"IPRD",
    "genre": b"IGNR",
    "date": b"ICRD",
    "track": b"IPRT",
    "comment": b"ICMT",
    "copyright": b"ICOP",
}


class WavEncoder:
    """Encoder for wav files of 16-bit, 24-bit or 32-bit float samples.

    `close` writes the sizes into the header, RF64's where 32 bits are too few. Before that, or if the file cannot
    seek, the header states `num_samples`; with None it states a size that readers take for "to the end".

    Args:
        file: binary file, open for writing; `close` leaves it open.
        codec: "pcm_s16le", "pcm_s24le" or "pcm_f32le" (float).
        sample_rate: Hz.
        num_channels: int ≥ 1.
        num_samples: expected length in samples per channel, or None.
        tags: tags by FFmpeg's names; those without a name in RIFF are left out.

    Examples:
        >>> import numpy as np
        >>> import soundfile
        >>> from keras_sep.audio.wav import WavEncoder
        >>> with open("song.wav", "wb") as file:
        ...     encoder = WavEncoder(file, "pcm_s24le", 44100, 2, num_samples=None, tags={"title": "Song"})
        ...     encoder.write(np.zeros((441, 2), np.float32))
        ...     encoder.close()
        >>> soundfile.info("song.wav").frames
        441
    """

    def __init__(
        self,
        file: BinaryIO,
        codec: str,
        sample_rate: int,
        num_channels: int,
        num_samples: int | None,
        tags: Mapping[str, str],
    ):
        self._file, self._codec = file, codec
        bits = {"pcm_s16le": 16, "pcm_s24le": 24, "pcm_f32le": 32}[codec]
        self._frame = num_channels * bits // 8
        tag = 3 if bits == 32 else 1
        kind = struct.pack("<HHIIHH", tag, num_channels, sample_rate, sample_rate * self._frame, self._frame, bits)
        self._kind, self._info = _chunk(b"fmt ", kind), _info(tags)
        self._is_float = bits == 32
        self._samples = 0
        self._start = file.write(self._header(num_samples))

    def write(self, block: Array) -> None:
        """Writes the next samples (n, channels); clips integer formats at ±1."""
        if self._is_float:
            data = block.astype("<f4", copy=False)
        elif self._codec == "pcm_s16le":
            data = np.clip(np.rint(block * np.float32(2**15)), -(2**15), 2**15 - 1).astype("<i2")
        else:
            whole = np.clip(np.rint(block * np.float32(2**23)), -(2**23), 2**23 - 1).astype("<i4")
            data = np.ascontiguousarray(whole).view(np.uint8).reshape(*block.shape, 4)[..., :3]
        self._file.write(np.ascontiguousarray(data).data)
        self._samples += len(block)

    def close(self) -> None:
        """Completes the file; leaves it open."""
        if self._samples * self._frame % 2:
            self._file.write(b"\0")
        if self._file.seekable():
            self._file.seek(0)
            self._file.write(self._header(self._samples))

    def cut(self, file: BinaryIO) -> None:
        """Completes a file, open for writing, that could not be written to its end: it ends with its last sample."""
        samples = (file.seek(0, 2) - self._start) // self._frame
        file.truncate(self._start + samples * self._frame)
        file.seek(0)
        file.write(self._header(samples))

    def _header(self, num_samples: int | None) -> bytes:
        size = _UNKNOWN if num_samples is None else num_samples * self._frame
        samples = _UNKNOWN if num_samples is None else num_samples
        fact = _chunk(b"fact", struct.pack("<I", min(samples, _UNKNOWN))) if self._is_float else b""
        chunks = self._kind + fact + self._info + b"data"
        whole = 4 + 36 + len(chunks) + 4 + size + size % 2  # from "WAVE" on; 36 for RF64's sizes
        if num_samples is None or 8 + whole <= LONGEST:
            sizes = _chunk(b"JUNK", bytes(28))
            start = struct.pack("<4sI", b"RIFF", min(whole, _UNKNOWN))
        else:
            sizes = _chunk(b"ds64", struct.pack("<QQQI", whole, size, samples, 0))
            start, size = struct.pack("<4sI", b"RF64", _UNKNOWN), _UNKNOWN
        return start + b"WAVE" + sizes + chunks + struct.pack("<I", size)


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _info(tags: Mapping[str, str]) -> bytes:
    chunks = [_chunk(_INFO[key], value.encode() + b"\0") for key, value in tags.items() if key in _INFO]
    return _chunk(b"LIST", b"INFO" + b"".join(chunks)) if chunks else b""
