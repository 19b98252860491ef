"""The LSTM baseline of Doire (2019), section 3: three LSTM layers of 256 units and one fully connected layer.

Online like the OR-U-Net, and streamed through the same step. Bands, input compression and normalisation are ours.

Shapes: N frames (of all segments of a batch), F bins, P bands, C audio channels, V views of the mixture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import keras
from keras import layers, ops

from keras_sep.models.layers.bands import BANDS_320, Bands
from keras_sep.models.layers.blocks import compress
from keras_sep.models.network import OnlineNetwork


@dataclass(frozen=True)
class LstmConfig:
    """Sizes of the LSTM baseline.

    Args:
        units: units of each LSTM layer, from the input on.
        bands: see `keras_sep.models.layers.bands.Bands`.

    Examples:
        >>> from keras_sep.models import Lstm, LstmConfig
        >>> Lstm(LstmConfig(units=(32, 32))).state_sizes
        (32, 32, 32, 32)
    """

    units: tuple[int, ...]
    bands: tuple[tuple[str, int], ...] = BANDS_320


@keras.saving.register_keras_serializable("keras_sep")
class Lstm(OnlineNetwork):
    """The LSTM baseline; arguments as those of `keras_sep.models.OrUnet`, sizes in an `LstmConfig`.

    Examples:
        >>> from keras_sep.models import Lstm
        >>> Lstm("tiny").state_sizes  # h and c of each of three layers
        (12, 12, 10, 10, 8, 8)
    """

    SIZES: ClassVar[Mapping[str, LstmConfig]] = {
        "tiny": LstmConfig((12, 10, 8)),
        "s": LstmConfig((128, 128, 128)),
        "m": LstmConfig((256, 256, 256)),  # the paper's
        "l": LstmConfig((512, 512, 512)),
    }

    def make_layers(self):
        self.bands = Bands(self.spec.num_bins, self.config.bands, self.spec.dc_bins, name="bands")
        self.norm = layers.BatchNormalization(momentum=0.97, name="norm")  # each band by its own mean and deviation
        self.lstms = [
            layers.LSTM(units, return_sequences=True, return_state=True, name=f"lstm_{i}")
            for i, units in enumerate(self.config.units, 1)
        ]
        # Without it the layers learn constant masks by driving their outputs to ±1, and then learn no more (measured).
        self.recurrent_norm = layers.BatchNormalization(momentum=0.97, name="recurrent_norm")
        self.num_masks = len(self.spec.sources)
        units = self.bands.num_bands * self.spec.num_channels * self.num_masks
        self.mask = layers.Dense(units, name="mask")

    def masks(self, frames, recur):
        """Computes a mask (N, F, C) for each source from frames (N, F, V)."""
        x = compress(self.bands(frames))
        x = self.norm(ops.reshape(x, (-1, x.shape[1] * x.shape[2])))
        for lstm in self.lstms:
            x = recur(lstm, x)
        x = ops.sigmoid(self.mask(self.recurrent_norm(x)))
        x = ops.reshape(x, (-1, self.bands.num_bands, self.num_masks * self.spec.num_channels))
        return self.bands.to_bins(ops.split(x, self.num_masks, axis=-1))
