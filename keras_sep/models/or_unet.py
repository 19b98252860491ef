"""The Online Recurrent U-Net (OR-U-Net): Doire, ICASSP 2019, section 2.2 and figure 1.

A U-Net of 1-D convolutions along frequency sees one STFT frame at a time; a GRU in its bottleneck
is its only memory, so the network is causal. It outputs two time-varying masks, eq. (1):

    (MV_t, MB_t) = f(X_t, h_{t-1})

Ours, not the paper's, are options: `levelled`, the network sees each frame divided by the running level of the stream,
`recurrent_skips` and `decoder_memories`, skip connections and levels of the decoder with a memory for each bin, and
`sum_to_one`, masks that share out the whole mixture.

The structure is the paper's. It publishes no sizes: input compression, depth, kernels, channels,
normalisation, activations and GRU units are our choices.

Shapes: N = batch · frames, F bins, C audio channels; every convolution runs along F.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers, ops

from keras_sep.models.framewise import (
    build_sequence_model,
    choose_config,
    compress,
    named_masks,
    require_batch_size,
)
from keras_sep.models.level import level_layer
from keras_sep.models.polyphase import PolyphaseConv1D
from keras_sep.models.recurrent_skip import RecurrentSkip
from keras_sep.spec import StreamSpec


@dataclass(frozen=True)
class OrUnetConfig:
    """Sizes of an OR-U-Net.

    Args:
        encoder_channels: output channels of each stride-2 convolution, from high resolution to low.
        decoder_channels: output channels of each up-sampling level, from low resolution to high.
        squeeze_channels: channels kept of the lowest level when it is flattened for the GRU.
        gru_units: size of the recurrent state.
        expand_channels: channels at the lowest level that the GRU's output is expanded to.
    """

    encoder_channels: tuple[int, ...]
    decoder_channels: tuple[int, ...]
    squeeze_channels: int
    gru_units: int
    expand_channels: int
    encoder_kernel: int = 5
    decoder_kernel: int = 3


CONFIGS = {
    "tiny": OrUnetConfig((6, 8, 10), (10, 8, 6), squeeze_channels=4, gru_units=12, expand_channels=6),
    "s": OrUnetConfig((16, 24, 32, 48, 64, 80), (64, 48, 32, 24, 16, 12), 16, 208, 24),
    "m": OrUnetConfig((24, 32, 48, 64, 96, 128), (96, 64, 48, 32, 24, 16), 24, 448, 48),
    "l": OrUnetConfig((48, 64, 96, 128, 192, 256), (192, 128, 96, 64, 48, 32), 48, 960, 96),
}


def build_or_unet(
    size: str | OrUnetConfig = "m",
    spec: StreamSpec | None = None,
    *,
    levelled: bool = False,
    recurrent_skips: tuple[int, ...] = (),
    decoder_memories: tuple[int, ...] = (),
    memory_units: int | None = None,
    sum_to_one: bool = False,
    stateful: bool = False,
    batch_size: int | None = None,
    num_frames: int | None = None,
) -> keras.Model:
    """The OR-U-Net as a functional model.

    Args:
        size: "tiny" (for tests and first tries), "s", "m" (base), "l", or an `OrUnetConfig`.
        spec: stream format; the default is 44.1 kHz stereo, 2048 / 512.
        levelled: whether frames are divided by the running level of the stream: a song that is ten times as loud
            gets the same masks. Two more states of a step.
        recurrent_skips: levels, 1 to the encoder's depth, whose skip connections have a `RecurrentSkip`; one more
            state of a step for each.
        decoder_memories: levels at which the decoder has a `RecurrentSkip`, over the skip connection and what comes
            from below; one more state of a step for each.
        memory_units: of each `RecurrentSkip`, ≥ 1; None for as many as it has channels.
        sum_to_one: whether each mask is divided by the sum of all, so that the stems add up to the mixture, as their
            references do.
        stateful: the GRU carries its state from one call to the next, until
            `keras_sep.streaming.reset_state(model)`; feed consecutive chunks. Needs `batch_size`.
        batch_size: int ≥ 1, or None for any.
        num_frames: fixed number of frames, or None for any.

    Returns:
        keras.Model. Input `magnitude` (B, T, F, C), linear, ≥ 0. Outputs a dict with one
        `<source>_mask` (B, T, F, C) in [0, 1] for each of `spec.sources`.

    Raises:
        ValueError: for an unknown size, a stateful model without `batch_size`, a spectrum that
            cannot be halved as often as the encoder is deep, or a level that there is not.
    """
    spec = spec or StreamSpec()
    config = choose_config("OR-U-Net", size, CONFIGS)
    require_batch_size("OR-U-Net", stateful, batch_size)
    depth = len(config.encoder_channels)
    if (spec.num_bins - 1) % 2**depth:
        raise ValueError(
            f"OR-U-Net: {depth} levels need num_bins - 1 divisible by {2**depth}. "
            f"Received: num_bins={spec.num_bins} (fft_length={spec.fft_length})"
        )
    for name, levels in (("recurrent_skips", recurrent_skips), ("decoder_memories", decoder_memories)):
        if not set(levels) <= set(range(1, depth + 1)):
            raise ValueError(f"OR-U-Net: {name} must be levels from 1 to {depth}. Received: {name}={levels}")
    encoder = _build_encoder(config, spec)
    gru = layers.GRU(config.gru_units, return_sequences=True, stateful=stateful, name="gru")
    *parts, decoder = _build_decoder(config, spec, encoder, sum_to_one, decoder_memories)
    skips = encoder.outputs[1:]

    def memory(level: int, x, name: str) -> RecurrentSkip:
        return RecurrentSkip(level, x.shape[1], x.shape[2], stateful, memory_units, name=f"{name}_{level}")

    return build_sequence_model(
        encoder,
        [gru],
        decoder,
        level=level_layer(stateful=stateful) if levelled else None,
        recurrent_skips=[memory(i, skips[i], "skip_memory") for i in sorted(recurrent_skips)],
        stages=[
            (part, memory(i, part.outputs[0], "decoder_memory"))
            for part, i in zip(parts, sorted(decoder_memories, reverse=True), strict=True)
        ],
        batch_size=batch_size,
        num_frames=num_frames,
        name="or_unet",
    )


def _build_encoder(config: OrUnetConfig, spec: StreamSpec) -> keras.Model:
    """Stride-2 convolutions along frequency, then one vector of the whole frame for the GRU."""
    magnitude = keras.Input((spec.num_bins, spec.num_channels), name="frame")
    # All bins but the last (Nyquist): a power of two halves without remainder.
    x = compress(magnitude[:, :-1])
    skips = [x]
    for level, filters in enumerate(config.encoder_channels, 1):
        x = _conv_block(x, filters, config.encoder_kernel, 2, f"down_{level}")
        skips.append(x)
    x = _conv_block(x, config.squeeze_channels, 1, 1, "squeeze")
    outputs = [layers.Flatten(name="flatten")(x), *skips]
    return keras.Model(magnitude, outputs, name="encoder")


def _build_decoder(
    config: OrUnetConfig, spec: StreamSpec, encoder: keras.Model, sum_to_one: bool, memories: tuple[int, ...]
) -> list[keras.Model]:
    """Sub-pixel up-sampling with skip connections, then the masks: a model up to each of `memories`, then the rest."""
    parts: list[keras.Model] = []
    begin = keras.Input((config.gru_units,), name="recurrent")
    skips = [keras.Input(t.shape[1:], name=f"skip_{i}") for i, t in enumerate(encoder.outputs[1:])]
    bins, end = skips[-1].shape[1], len(skips)
    x = layers.Dense(bins * config.expand_channels, activation="relu", name="expand")(begin)
    x = layers.Reshape((bins, config.expand_channels), name="expand_reshape")(x)
    for level, filters in zip(range(len(skips) - 1, 0, -1), config.decoder_channels, strict=True):
        x = layers.Concatenate(name=f"up_{level}_skip")([x, skips[level]])
        if level in memories:
            parts.append(keras.Model([begin, *skips[level:end]], x, name=f"decoder_to_{level}"))
            x = begin = keras.Input(x.shape[1:], name=f"remembered_{level}")
            end = level
        # (F, 2C) → (2F, C) after the normalisation, so that it folds into the convolution at export.
        x = _conv_block(x, 2 * filters, config.decoder_kernel, 1, f"up_{level}")
        bins *= 2
        x = layers.Reshape((bins, filters), name=f"up_{level}_reshape")(x)
    # Eq. (1): a mask for each source and channel; the Nyquist bin takes its neighbour's.
    num_masks = len(spec.sources)
    convolution = PolyphaseConv1D(
        num_masks * spec.num_channels, config.decoder_kernel, num_outputs=num_masks, name="mask_conv"
    )
    sigmoid = layers.Activation("sigmoid", dtype="float32", name="mask_sigmoid")
    masks = [sigmoid(mask) for mask in convolution([x, skips[0]])]
    if sum_to_one:
        total = sum(masks[1:], masks[0]) + 1e-6  # no zero below, however sure a network is
        masks = [mask / total for mask in masks]
    masks = [ops.concatenate([mask, mask[:, -1:]], axis=1) for mask in masks]
    return [*parts, keras.Model([begin, *skips[:end]], named_masks(masks, spec), name="decoder")]


def _conv_block(x, filters: int, kernel: int, strides: int, name: str):
    x = layers.Conv1D(filters, kernel, strides, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=0.97, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
