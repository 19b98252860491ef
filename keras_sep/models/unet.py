"""The 2-D U-Net of Jansson et al. (ISMIR 2017): the teacher of Doire (2019), and its offline baseline.

"Singing Voice Separation with Deep U-Net Convolutional Networks", section 3. It sees time and frequency at once, so it
is not causal: a patch of frames goes in and the masks of the whole patch come out. Jansson's: 6 levels, kernels 5 × 5,
stride 2, batch normalisation, leaky ReLU 0.2 in the encoder, ReLU and transposed convolutions in the decoder, dropout
of 0.5 in its first three levels, sigmoid masks, 16 channels at first and twice as many each level. Ours: two channels
in, the masks of both sources out of one network, bands, a compressed input.

Shapes: B batch, T frames, F bins, P bands, C audio channels, V views; convolutions run over (T, P).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
from keras import layers, ops

from keras_sep.models.layers.bands import BANDS_320, Bands
from keras_sep.models.layers.blocks import compress
from keras_sep.models.network import MaskNetwork
from keras_sep.models.or_unet import require_halvings

# −114 dB of a full-scale sine: what is added to bands, so that a teacher's gradient is finite at silence.
EPSILON = 1e-3


@dataclass(frozen=True)
class UnetConfig:
    """Sizes of a 2-D U-Net.

    Args:
        channels: output channels of each stride-2 convolution, from high resolution to low; the
            decoder mirrors them.
        kernel: along time and frequency.
        dropout_levels: decoder levels with dropout, counted from the bottom.
        dropout: their rate.
        bands: see `keras_sep.models.layers.bands.Bands`.

    Examples:
        >>> from keras_sep.models import UnetConfig
        >>> UnetConfig((16, 32, 64, 128, 256, 512)).patch_step
        64
    """

    channels: tuple[int, ...]
    kernel: int = 5
    dropout_levels: int = 3
    dropout: float = 0.5
    bands: tuple[tuple[str, int], ...] = BANDS_320

    @property
    def patch_step(self) -> int:
        """Number of frames that a patch's length is a multiple of."""
        return 2 ** len(self.channels)


@keras.saving.register_keras_serializable("keras_sep")
class Unet(MaskNetwork):
    """The U-Net, a network of patches, whose length T is a multiple of 2^levels (64).

    `keras_sep.inference` puts songs of any length together from overlapping patches.

    Args:
        size: "tiny", "s", "m" (Jansson's channels), "l", or a `UnetConfig`.
        spec: stream format; the default is 44.1 kHz stereo, 2048 / 512.

    Raises:
        ValueError: for an unknown size, bands that cannot be halved as often as the encoder is deep, or a patch whose
            number of frames is no multiple.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.models import Unet
        >>> masks = Unet("tiny")(np.ones((1, 8, 1025, 2), "float32"))
        >>> tuple(masks["vocals_mask"].shape)
        (1, 8, 1025, 2)
    """

    SIZES: ClassVar[Mapping[str, UnetConfig]] = {
        "tiny": UnetConfig((4, 6, 8)),
        "s": UnetConfig((8, 16, 32, 64, 128, 256)),
        "m": UnetConfig((16, 32, 64, 128, 256, 512)),  # Jansson's
        "l": UnetConfig((32, 64, 128, 256, 512, 1024)),
    }

    def make_layers(self):
        config, depth = self.config, len(self.config.channels)
        self.least_frames = config.patch_step
        self.bands = Bands(self.spec.num_bins, config.bands, self.spec.dc_bins, name="bands")
        require_halvings("Unet", self.bands.num_bands, depth)
        self.down = [Level2D(filters, config.kernel, name=f"down_{i}") for i, filters in enumerate(config.channels, 1)]
        self.up = [
            Level2D(
                config.channels[i - 1],
                config.kernel,
                up=True,
                dropout=config.dropout if depth - i <= config.dropout_levels else 0.0,
                name=f"up_{i}",
            )
            for i in range(depth - 1, 0, -1)
        ]
        filters = len(self.spec.sources) * self.spec.num_channels
        self.mask = layers.Conv2DTranspose(filters, config.kernel, 2, padding="same", name="mask")

    @property
    def tap_names(self) -> tuple[str, ...]:
        """Names of `features`: the encoder's levels from the highest resolution down, then the decoder's upwards."""
        return tuple(level.name for level in (*self.down, *self.up))

    def features(self, magnitude) -> Iterator[tuple[str, Any]]:
        """Yields the name and output (B, T', P', channels) of each level; levels not asked for are not computed."""
        x = ops.reshape(magnitude, (-1, *magnitude.shape[2:]))
        x = compress(self.bands(x) + EPSILON)
        x = ops.reshape(x, (-1, ops.shape(magnitude)[1], *x.shape[1:]))
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
            yield down.name, x
        skips.pop()
        for level, up in enumerate(self.up):
            x = up(x if level == 0 else ops.concatenate([x, skips.pop()], axis=-1))
            yield up.name, x
        yield "mask_input", ops.concatenate([x, skips.pop()], axis=-1)

    def call(self, magnitude, training=None):
        num_frames = ops.shape(magnitude)[1]
        if isinstance(num_frames, int) and num_frames % self.least_frames:
            raise ValueError(
                f"Unet: a patch's number of frames must be a multiple of {self.least_frames}. Received: {num_frames}"
            )
        *_, (_, x) = self.features(magnitude)
        x = ops.sigmoid(self.mask(x))
        masks = ops.split(ops.reshape(x, (-1, *x.shape[2:])), len(self.spec.sources), axis=-1)
        masks = self.bands.to_bins(masks)
        return self.named([ops.reshape(mask, (-1, num_frames, *mask.shape[1:])) for mask in masks])


@keras.saving.register_keras_serializable("keras_sep")
class Level2D(layers.Layer):
    """A level of the U-Net: half (or, upwards, twice) the frames and positions, normalised, (leaky) ReLU, dropout.

    Args:
        filters: output channels.
        kernel_size: along time and frequency.
        up: whether it is the decoder's.
        dropout: rate.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.models.unet import Level2D
        >>> tuple(Level2D(4, 5)(np.ones((1, 8, 320, 2), "float32")).shape)
        (1, 4, 160, 4)
    """

    def __init__(self, filters: int, kernel_size: int, up: bool = False, dropout: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.is_up, self.rate = filters, kernel_size, up, dropout
        kind = layers.Conv2DTranspose if up else layers.Conv2D
        self.conv = kind(filters, kernel_size, 2, padding="same", use_bias=False, name="conv")
        self.norm = layers.BatchNormalization(momentum=0.97, name="norm")
        self.dropout = layers.Dropout(dropout, name="dropout")

    def build(self, input_shape):
        self.conv.build(input_shape)
        self.norm.build((None, None, None, self.filters))

    def call(self, x, training=None):
        x = self.norm(self.conv(x), training=training)
        x = ops.relu(x) if self.is_up else ops.leaky_relu(x, 0.2)
        return self.dropout(x, training=training)

    def get_config(self):
        own = {"filters": self.filters, "kernel_size": self.kernel_size, "up": self.is_up, "dropout": self.rate}
        return {**super().get_config(), **own}
