"""Our network: an OR-U-Net that is blind to loudness, remembers each position, and shares out the whole mixture.

It adds three things to the paper's network (`keras_sep.models.or_unet`), each measured (docs/research/architecture.md):

- Its input is divided by the stream's running loudness: a song ten times as loud gets the same masks.
- At one level a skip connection and the decoder have a memory for each position (`BinMemory`).
- The masks are divided by their sum: the stems add up to the mixture, as their references do.

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
    """Sizes of a `BinMemoryUnet`: those of an `OrUnetConfig` and of its memories.

    Args:
        memory_level: level of the skip connection and of the decoder that have a memory; level 1 has half as many
            positions as there are bands.
        memory_units: units of each memory's GRU.

    Examples:
        >>> from keras_sep.models import BinMemoryUnet
        >>> config = BinMemoryUnet.SIZES["m"]
        >>> config.memory_level, config.memory_units
        (2, 72)
    """

    memory_level: int = 2
    memory_units: int = 72


@keras.saving.register_keras_serializable("keras_sep")
class BinMemoryUnet(OrUnet):
    """Our network; arguments and errors as those of `keras_sep.models.OrUnet`, sizes in a `BinMemoryUnetConfig`.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.models import BinMemoryUnet
        >>> masks = BinMemoryUnet("tiny")(np.ones((1, 8, 1025, 2), "float32"))
        >>> total = masks["vocals_mask"] + masks["accompaniment_mask"]  # they sum to one
        >>> bool(np.allclose(total, 1, atol=1e-5))
        True
    """

    masks_sum_to_one = True
    SIZES: ClassVar[Mapping[str, BinMemoryUnetConfig]] = {
        "tiny": BinMemoryUnetConfig((6, 8, 10), (10, 8, 6), 4, 12, 6, memory_units=7),
        "s": BinMemoryUnetConfig((16, 24, 32, 48, 64, 80), (64, 48, 32, 24, 16, 12), 16, 208, 24),
        "m": BinMemoryUnetConfig((24, 32, 48, 64, 96, 128), (96, 64, 48, 32, 24, 16), 24, 448, 48),
        "l": BinMemoryUnetConfig((48, 64, 96, 128, 192, 256), (192, 128, 96, 64, 48, 32), 48, 960, 96),
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
        """Computes a mask (N, F, C) for each source from frames (N, F, V); the masks sum to one."""
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
        total = sum(masks[1:], masks[0]) + 1e-6  # no zero below, however sure the network is
        return self.bands.to_bins([mask / total for mask in masks])
