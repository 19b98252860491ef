"""Decoding of audio files and container streams in blocks, so that memory does not grow with the length of a song."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from keras_sep import AudioError
from keras_sep.audio import AudioReader
from keras_sep.resampler import Resampler
from training.data.datasets.track import Source

Block = npt.NDArray[np.float32]
BLOCK_SAMPLES = 1 << 17  # 3 s at 44100 Hz


class Unreadable(ValueError):
    """A track that cannot be used; the message names the file."""


def blocks(source: Source, sample_rate: int) -> Iterator[Block]:
    """Decodes a signal block by block, with its gain applied.

    Args:
        source: audio file, or stream of a container.
        sample_rate: Hz; other rates are resampled.

    Yields:
        float32 (samples, 1 or 2), full scale ±1; of more channels the first two.

    Raises:
        Unreadable: the file is missing, empty, damaged or shorter than it states, or a sample is not finite.
    """
    if not source.path.is_file():
        raise Unreadable(f"{source.path}: no such file")
    try:
        with AudioReader(source.path, strict=True, track=source.stream or 0) as reader:
            channels = min(2, reader.num_channels)
            resample = Resampler(reader.sample_rate, sample_rate, channels)
            for block in reader.blocks():
                if source.stream is not None:  # rounded to 16 bits, as musdb decodes streams
                    block = np.clip(np.rint(block * 2**15), -(2**15), 2**15 - 1).astype(np.float32) / np.float32(2**15)
                yield resample(block[:, :2] * np.float32(source.gain))
            yield resample(np.zeros((0, channels), np.float32), last=True)
    except AudioError as error:
        raise Unreadable(str(error)) from error
