"""The Online Recurrent U-Net (OR-U-Net): Doire, ICASSP 2019, section 2.2 and figure 1.

A U-Net of 1-D convolutions along frequency sees one STFT frame X_t at a time; a GRU in its bottleneck, whose state is
h_t, is its only memory, so the network is causal. It outputs two time-varying masks:

    V̂_t = MV_t ⊙ X_t      B̂_t = MB_t ⊙ X_t                                                         (1)
    (MV_t, MB_t) = f(X_t, h_{t-1})                                                                 (2)

X_t is the magnitude of the stereo mixture. `OrUnet.masks` is f: h_{t-1} comes in, and h_t goes out, through `recur`.
Eq. (1) is computed, and marked as such, where masks are used: `keras_sep.separation` in training, `keras_sep.engine` in
a stream, `keras_sep.tflite.graphs` inside a waveform file, `keras_sep.inference` on a whole song.

The structure is the paper's. It publishes no sizes: bands, input compression, depth, kernels, channels,
normalisation, activations and GRU units are our choices.

Shapes: N frames (of all segments of a batch), F bins, P bands, C audio channels, V views of the mixture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import keras
from keras import layers, ops

from keras_sep.models.layers.bands import BANDS_320, Bands
from keras_sep.models.layers.blocks import ConvBlock, UpBlock, compress
from keras_sep.models.layers.polyphase_conv1d import PolyphaseConv1D
from keras_sep.models.network import OnlineNetwork


@dataclass(frozen=True)
class OrUnetConfig:
    """Sizes of an OR-U-Net.

    Args:
        encoder_channels: output channels of each stride-2 convolution, from high resolution to low.
        decoder_channels: output channels of each up-sampling level, from low resolution to high.
        squeeze_channels: channels kept of the lowest level when it is flattened for the GRU.
        gru_units: size of the recurrent state.
        expand_channels: channels at the lowest level that the GRU's output is expanded to.
        encoder_kernel, decoder_kernel: taps of the convolutions; the decoder's are odd.
        bands: see `keras_sep.models.layers.bands.Bands`.
        skip_dc: whether the lowest bins, which a DC offset fills, count as empty; not in networks of the first release.

    Examples:
        >>> from keras_sep.models import OrUnet, OrUnetConfig
        >>> config = OrUnetConfig((16, 24), (16, 12), squeeze_channels=4, gru_units=64, expand_channels=8)
        >>> OrUnet(config).state_sizes
        (64,)
    """

    encoder_channels: tuple[int, ...]
    decoder_channels: tuple[int, ...]
    squeeze_channels: int
    gru_units: int
    expand_channels: int
    encoder_kernel: int = 5
    decoder_kernel: int = 3
    bands: tuple[tuple[str, int], ...] = BANDS_320
    skip_dc: bool = True


@keras.saving.register_keras_serializable("keras_sep")
class OrUnet(OnlineNetwork):
    """The paper's network, the OR-U-Net.

    Args:
        size: "tiny" (for tests and first tries), "s", "m" (default), "l", or an `OrUnetConfig`.
        spec: stream format; the default is 44.1 kHz stereo, 2048 / 512.

    Raises:
        ValueError: for an unknown size, or bands that cannot be halved as often as the encoder is deep.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.models import OrUnet
        >>> masks = OrUnet("tiny")(np.ones((1, 8, 1025, 2), "float32"))  # a segment of 8 frames
        >>> tuple(masks["vocals_mask"].shape)
        (1, 8, 1025, 2)
    """

    SIZES: ClassVar[Mapping[str, OrUnetConfig]] = {
        "tiny": OrUnetConfig((6, 8, 10), (10, 8, 6), squeeze_channels=4, gru_units=12, expand_channels=6),
        "s": OrUnetConfig((16, 24, 32, 48, 64, 80), (64, 48, 32, 24, 16, 12), 16, 208, 24),
        "m": OrUnetConfig((24, 32, 48, 64, 96, 128), (96, 64, 48, 32, 24, 16), 24, 448, 48),
        "l": OrUnetConfig((48, 64, 96, 128, 192, 256), (192, 128, 96, 64, 48, 32), 48, 960, 96),
    }

    def make_layers(self):
        config = self.config
        dc_bins = self.spec.dc_bins if config.skip_dc else 0
        self.bands = Bands(self.spec.num_bins, config.bands, dc_bins, name="bands")
        lowest = require_halvings(type(self).__name__, self.bands.num_bands, len(config.encoder_channels))
        self.down = [
            ConvBlock(filters, config.encoder_kernel, strides=2, name=f"down_{level}")
            for level, filters in enumerate(config.encoder_channels, 1)
        ]
        self.squeeze = ConvBlock(config.squeeze_channels, kernel_size=1, name="squeeze")
        self.gru = layers.GRU(config.gru_units, return_sequences=True, return_state=True, name="gru")
        self.expand = layers.Dense(lowest * config.expand_channels, activation="relu", name="expand")
        self.up = [
            UpBlock(filters, config.decoder_kernel, name=f"up_{level}")
            for level, filters in zip(range(len(self.down), 0, -1), config.decoder_channels, strict=True)
        ]
        num_masks = len(self.spec.sources)
        filters = num_masks * self.spec.num_channels
        # The optimiser tells the last layer by this name.
        self.mask = PolyphaseConv1D(filters, config.decoder_kernel, num_outputs=num_masks, name="mask")

    def masks(self, frames, recur):
        """Computes MV and MB (N, F, C) from frames X (N, F, V): f of eq. (2)."""
        x = compress(self.bands(frames))
        skips = [x]
        for down in self.down:
            x = down(x)
            skips.append(x)
        x = self.bottleneck(x, recur)
        for up in self.up:
            x = up(ops.concatenate([x, skips.pop()], axis=-1))
        return self.bands.to_bins([ops.sigmoid(mask) for mask in self.mask([x, skips.pop()])])

    def bottleneck(self, x, recur):
        """Takes the lowest level (N, P', C') through the GRU, whose state is h_t → (N, P', expand_channels)."""
        squeezed = self.squeeze(x)
        h = recur(self.gru, ops.reshape(squeezed, (-1, squeezed.shape[1] * squeezed.shape[2])))
        return ops.reshape(self.expand(h), (-1, x.shape[1], self.config.expand_channels))


def require_halvings(name: str, num_bands: int, depth: int) -> int:
    """Returns the bands left after `depth` halvings; ValueError if one of them leaves a remainder.

    Examples:
        >>> from keras_sep.models.or_unet import require_halvings
        >>> require_halvings("OrUnet", 320, 6)
        5
    """
    if num_bands % 2**depth:
        raise ValueError(
            f"{name}: {depth} levels need a number of bands divisible by {2**depth}. Received: {num_bands} bands"
        )
    return num_bands // 2**depth
