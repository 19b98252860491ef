"""The 2-D convolutional U-Net of Jansson et al., "Singing Voice Separation with Deep U-Net Convolutional
Networks", ISMIR 2017, section 3: the teacher of Doire (2019), and its offline baseline.

It sees time and frequency at once, so it is not causal: a patch of frames goes in and the masks of the
whole patch come out. The paper's: 6 levels, kernels 5 × 5, stride 2, batch normalisation, leaky ReLU 0.2
in the encoder, ReLU and transposed convolutions in the decoder, dropout of 0.5 in its first three
levels, sigmoid masks, 16 channels at first and twice as many each level. Ours: two channels in, the masks
of both sources out of one network, 1024 bins instead of 512, a compressed input.

Shapes: B batch, T frames, F bins, C audio channels; convolutions run over (T, F).
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers, ops

from keras_sep.models.framewise import choose_config, compress, named_masks
from keras_sep.spec import StreamSpec

# −114 dB of a full-scale sine: what is added to magnitudes, so that a teacher's gradient is finite at silence.
EPSILON = 1e-3


@dataclass(frozen=True)
class UnetConfig:
    """Sizes of a 2-D U-Net.

    Args:
        channels: output channels of each stride-2 convolution, from high resolution to low; the
            decoder mirrors them.
        dropout_levels: decoder levels with dropout, counted from the bottom.
        dropout: their rate.
    """

    channels: tuple[int, ...]
    kernel: int = 5
    dropout_levels: int = 3
    dropout: float = 0.5

    @property
    def patch_step(self) -> int:
        """A patch's number of frames is a multiple of this."""
        return 2 ** len(self.channels)


CONFIGS = {
    "tiny": UnetConfig((4, 6, 8)),
    "s": UnetConfig((8, 16, 32, 64, 128, 256)),
    "m": UnetConfig((16, 32, 64, 128, 256, 512)),  # Jansson's
    "l": UnetConfig((32, 64, 128, 256, 512, 1024)),
}


def build_unet(
    size: str | UnetConfig = "m",
    spec: StreamSpec | None = None,
    *,
    batch_size: int | None = None,
    num_frames: int | None = None,
) -> keras.Model:
    """The 2-D U-Net as a functional model of patches.

    `keras_sep.offline` puts songs of any length together from overlapping patches.

    Args:
        size: "s", "m" (Jansson's channels), "l", or a `UnetConfig`.
        spec: stream format; the default is 44.1 kHz stereo, 2048 / 512.
        batch_size: int ≥ 1, or None for any.
        num_frames: frames of a patch, or None for any multiple of 2^levels (64).

    Returns:
        keras.Model. Input `magnitude` (B, T, F, C), linear, ≥ 0. Outputs a dict with one
        `<source>_mask` (B, T, F, C) in [0, 1] for each of `spec.sources`. The layers `down_<i>` are
        the taps that `keras_sep.teachers` knows.

    Raises:
        ValueError: for an unknown size, or a patch or a spectrum that cannot be halved that often.
    """
    spec = spec or StreamSpec()
    config = choose_config("U-Net", size, CONFIGS)
    step = config.patch_step
    if (spec.num_bins - 1) % step:
        raise ValueError(
            f"U-Net: {len(config.channels)} levels need num_bins - 1 divisible by {step}. "
            f"Received: num_bins={spec.num_bins} (fft_length={spec.fft_length})"
        )
    if num_frames is not None and num_frames % step:
        raise ValueError(f"U-Net: num_frames must be a multiple of {step}. Received: num_frames={num_frames}")
    magnitude = keras.Input((num_frames, spec.num_bins, spec.num_channels), batch_size=batch_size, name="magnitude")
    # All bins but the last (Nyquist): a power of two halves without remainder.
    x = compress(magnitude[:, :, :-1] + EPSILON)
    skips = []
    for level, filters in enumerate(config.channels, 1):
        x = _conv(layers.Conv2D, x, filters, config, f"down_{level}")
        x = layers.LeakyReLU(0.2, name=f"down_{level}")(x)
        skips.append(x)
    for level in range(len(config.channels) - 1, 0, -1):
        if level < len(config.channels) - 1:
            x = layers.Concatenate(name=f"up_{level}_skip")([x, skips[level]])
        x = _conv(layers.Conv2DTranspose, x, config.channels[level - 1], config, f"up_{level}")
        x = layers.ReLU(name=f"up_{level}")(x)
        if len(config.channels) - level <= config.dropout_levels:
            x = layers.Dropout(config.dropout, name=f"up_{level}_dropout")(x)
    x = layers.Concatenate(name="mask_skip")([x, skips[0]])
    filters = len(spec.sources) * spec.num_channels
    x = layers.Conv2DTranspose(filters, config.kernel, 2, padding="same", name="mask_conv")(x)
    x = layers.Activation("sigmoid", dtype="float32", name="mask_sigmoid")(x)
    x = ops.concatenate([x, x[:, :, -1:]], axis=2)  # the Nyquist bin takes its neighbour's mask
    return keras.Model(magnitude, named_masks(ops.split(x, len(spec.sources), axis=-1), spec), name="unet")


def _conv(kind: type, x, filters: int, config: UnetConfig, name: str):
    x = kind(filters, config.kernel, 2, padding="same", use_bias=False, name=f"{name}_conv")(x)
    return layers.BatchNormalization(momentum=0.97, name=f"{name}_norm")(x)
