"""Audio files and container streams as blocks of samples; memory does not grow with the length of a song."""

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
PADDING_S = 0.1  # coders pad to whole blocks: differences of length up to this are cut off


class Unreadable(ValueError):
    """A track that cannot be used; the message names the file."""


def blocks(source: Source, sample_rate: int) -> Iterator[Block]:
    """Decodes `source` at `sample_rate` Hz into float32 blocks (samples, 1 or 2); full scale is 1, the gain applied.

    Raises:
        Unreadable: if the file is missing, empty, damaged, shorter than it states, or holds samples that are none.
    """
    if not source.path.is_file():
        raise Unreadable(f"{source.path}: no such file")
    try:
        with AudioReader(source.path, strict=True, track=source.stream or 0) as reader:
            channels = min(2, reader.num_channels)
            resample = Resampler(reader.sample_rate, sample_rate, channels)
            for block in reader.blocks():
                if source.stream is not None:  # as musdb decodes it: 16 bit
                    block = np.clip(np.rint(block * 2**15), -(2**15), 2**15 - 1).astype(np.float32) / np.float32(2**15)
                yield resample(block[:, :2] * np.float32(source.gain))
            yield resample(np.zeros((0, channels), np.float32), last=True)
    except AudioError as error:
        raise Unreadable(str(error)) from error
