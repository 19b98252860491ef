"""The spectrograms as small PNG images, made with NumPy and zlib alone.

Conventions: waveform (samples, channels), full scale ±1; image (height, width), 8 bits, low frequencies at the bottom.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

from keras_sep.signal import stft
from keras_sep.spec import StreamSpec

Array = npt.NDArray[np.floating]
HEIGHT, WIDTH = 144, 200  # pixels; the page scales them
RANGE_DB = 66.0
TOP_HZ = 12000.0
SHADES = 48
# Every eighth colour of matplotlib's magma: from dark to light, which reads alike on white, on black and in grey.
MAGMA = np.array(
    [[0, 0, 4], [28, 16, 68], [79, 18, 123], [129, 37, 129], [181, 54, 122], [229, 80, 100], [251, 135, 97],
     [254, 194, 135], [252, 253, 191]]
)  # fmt: skip


def level(waveform: Array, sample_rate: int) -> npt.NDArray[np.float64]:
    """Computes the power of all channels in dB (HEIGHT, WIDTH), mel-spaced up to 12 kHz or half the sample rate."""
    samples = np.asarray(waveform, np.float32).reshape(len(waveform), -1)
    spec = StreamSpec(sample_rate=sample_rate, num_channels=samples.shape[1])
    pad = spec.frame_length // 2
    # Frames are centred, so that their times are those of their pixels.
    power = (np.abs(stft(np.pad(samples, ((pad, pad), (0, 0))), spec)) ** 2).sum(axis=2)
    edges = _hertz(np.linspace(0, _mel(min(TOP_HZ, sample_rate / 2)), HEIGHT + 1)) * spec.fft_length / sample_rate
    # Low bands lie between two bins and interpolate them; high bands average several.
    total = np.concatenate([np.zeros((len(power), 1)), np.cumsum(power, axis=1)], axis=1)
    places = np.arange(total.shape[1])
    at_edges = np.stack([np.interp(edges, places, frame) for frame in total])
    bands = np.diff(at_edges, axis=1) / np.diff(edges)
    columns = np.linspace(0, len(bands) - 1, WIDTH)
    resampled = np.stack([np.interp(columns, np.arange(len(bands)), band) for band in bands.T])
    return 10 * np.log10(resampled[::-1] + 1e-12)


def height_of(hertz: float, sample_rate: int) -> float:
    """Returns the height of a frequency in the image, from 0 at the bottom to 1 at the top."""
    return float(_mel(hertz) / _mel(min(TOP_HZ, sample_rate / 2)))


def png(levels: npt.NDArray[np.float64], top: float) -> bytes:
    """Encodes an image whose lightest shade is `top` dB and whose darkest is RANGE_DB less."""
    shades = np.clip(np.round((levels - top + RANGE_DB) / RANGE_DB * (SHADES - 1)), 0, SHADES - 1).astype(np.uint8)
    height, width = shades.shape
    anchors = np.linspace(0, SHADES - 1, len(MAGMA))
    palette = np.stack([np.interp(np.arange(SHADES), anchors, channel) for channel in MAGMA.T], axis=1)
    rows = np.concatenate([np.zeros((height, 1), np.uint8), shades], axis=1)  # a row begins with its filter, 0 for none
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + _chunk(b"PLTE", palette.round().astype(np.uint8).tobytes())
        + _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _mel(hertz):
    return 2595 * np.log10(1 + np.asarray(hertz) / 700)


def _hertz(mel):
    return 700 * (10 ** (mel / 2595) - 1)
