"""Our network: an OR-U-Net with normalised loudness, a memory for each position, and masks that sum to one.

Beyond the paper's network (`keras_sep.models.or_unet`) it has, each measured in training/EXPERIMENTS.md:

- An input that is divided by the stream's running loudness: a song ten times as loud gets the same masks.
- At one level of the U-Net, in the skip connection and in the decoder, a memory for each position (`BinMemory`).
- Masks that are divided by their sum: the stems add up to the mixture, as their references do.

Shapes: N frames (of all segments of a batch), F bins, P bands, C audio channels, V views of the mixture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import keras
from keras import ops

from keras_sep.models.layers.bin_memory import BinMemory
from keras_sep.models.layers.blocks import compress
from keras_sep.models.layers.loudness import loudness_tracker, normalise_loudness
from keras_sep.models.or_unet import OrUnet, OrUnetConfig


@dataclass(frozen=True)
class BinMemoryUnetConfig(OrUnetConfig):
    """Sizes of a `BinMemoryUnet`, in addition to those of an `OrUnetConfig`.

    Args:
        memory_level: level of the U-Net that has the two memories; level 1 has half as many positions as there are
            bands.
        memory_units: units of each memory's GRU.
    """

    memory_level: int = 2
    memory_units: int = 72


@keras.saving.register_keras_serializable("keras_sep")
class BinMemoryUnet(OrUnet):
    """Our network; arguments and errors are those of `keras_sep.models.OrUnet`, sizes in a `BinMemoryUnetConfig`.

    Example:

    >>> network = BinMemoryUnet("tiny")
    >>> masks = network(np.ones((1, 8, 1025, 2), "float32"))
    >>> round(float(masks["vocals_mask"][0, 0, 0, 0] + masks["accompaniment_mask"][0, 0, 0, 0]), 3)
    1.0
    """

    masks_sum_to_one = True
    SIZES: ClassVar[Mapping[str, BinMemoryUnetConfig]] = {
        "tiny": BinMemoryUnetConfig((6, 8, 10), (10, 8, 6), 4, 12, 6, memory_units=7),
        "s": BinMemoryUnetConfig((16, 24, 32, 48, 64), (48, 32, 24, 16, 12), 16, 208, 24),
        "m": BinMemoryUnetConfig((24, 32, 48, 64, 96), (64, 48, 32, 24, 16), 24, 448, 48),
        "l": BinMemoryUnetConfig((48, 64, 96, 128, 192), (128, 96, 64, 48, 32), 48, 960, 96),
    }

    def make_layers(self):
        super().make_layers()
        config = self.config
        self.loudness = loudness_tracker()
        if not 1 <= config.memory_level <= len(self.down):
            raise ValueError(
                f"{type(self).__name__}: memory_level must be from 1 to {len(self.down)}. "
                f"Received: memory_level={config.memory_level}"
            )
        channels = config.encoder_channels[config.memory_level - 1]
        below = (config.expand_channels, *config.decoder_channels)[len(self.down) - config.memory_level]
        self.skip_memory = BinMemory(channels, config.memory_units, name="skip_memory")
        self.decoder_memory = BinMemory(below + channels, config.memory_units, name="decoder_memory")

    def masks(self, frames, recur):
        """Frames (N, F, V) → a mask (N, F, C) for each source; they sum to one."""
        x = normalise_loudness(compress(self.bands(frames)), self.loudness, recur)
        skips = [x]
        for down in self.down:
            x = down(x)
            skips.append(x)
        level = self.config.memory_level
        skips[level] = self.skip_memory(skips[level], recur=recur)
        x = self.bottleneck(x, recur)
        for up in self.up:
            remember = len(skips) - 1 == level
            x = ops.concatenate([x, skips.pop()], axis=-1)
            x = up(self.decoder_memory(x, recur=recur) if remember else x)
        masks = [ops.sigmoid(mask) for mask in self.mask([x, skips.pop()])]
        total = sum(masks[1:], masks[0]) + 1e-6  # where both masks are 0
        return self.bands.to_bins([mask / total for mask in masks])
