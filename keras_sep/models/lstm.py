"""The LSTM baseline of Doire (2019), section 3: three LSTM layers and one fully connected layer.

Online like the OR-U-Net, and streamed through the same step. The paper gives 3 × 256 units; the input
compression and normalisation are our choices.

Shapes: N = batch · frames, F bins, C audio channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers, ops

from keras_sep.models.framewise import build_sequence_model, choose_config, compress, named_masks, require_batch_size
from keras_sep.spec import StreamSpec


@dataclass(frozen=True)
class LstmConfig:
    """Sizes of the LSTM baseline.

    Args:
        units: of each LSTM layer, from the input on.
    """

    units: tuple[int, ...]


CONFIGS = {
    "tiny": LstmConfig((12, 10, 8)),
    "s": LstmConfig((128, 128, 128)),
    "m": LstmConfig((256, 256, 256)),  # the paper's
    "l": LstmConfig((512, 512, 512)),
}


def build_lstm(
    size: str | LstmConfig = "m",
    spec: StreamSpec | None = None,
    *,
    stateful: bool = False,
    batch_size: int | None = None,
    num_frames: int | None = None,
) -> keras.Model:
    """The LSTM baseline as a functional model.

    Args:
        size: "tiny" (for tests and first tries), "s", "m" (the paper's 3 × 256), "l", or an `LstmConfig`.
        spec, stateful, batch_size, num_frames: as for `build_or_unet`.

    Returns:
        keras.Model. Input `magnitude` (B, T, F, C), linear, ≥ 0. Outputs a dict with one
        `<source>_mask` (B, T, F, C) in [0, 1] for each of `spec.sources`.

    Raises:
        ValueError: for an unknown size, or a stateful model without `batch_size`.
    """
    spec = spec or StreamSpec()
    config = choose_config("LSTM", size, CONFIGS)
    require_batch_size("LSTM", stateful, batch_size)
    recurrent = [
        layers.LSTM(units, return_sequences=True, stateful=stateful, name=f"lstm_{i}")
        for i, units in enumerate(config.units, 1)
    ]
    encoder, decoder = _build_encoder(spec), _build_decoder(config, spec)
    return build_sequence_model(encoder, recurrent, decoder, batch_size=batch_size, num_frames=num_frames, name="lstm")


def _build_encoder(spec: StreamSpec) -> keras.Model:
    magnitude = keras.Input((spec.num_bins, spec.num_channels), name="frame")
    x = layers.Flatten(name="flatten")(compress(magnitude))
    x = layers.BatchNormalization(momentum=0.97, name="norm")(x)  # each bin by its own mean and deviation
    return keras.Model(magnitude, [x], name="encoder")


def _build_decoder(config: LstmConfig, spec: StreamSpec) -> keras.Model:
    recurrent = keras.Input((config.units[-1],), name="recurrent")
    # Without it the layers learn constant masks by driving their outputs to ±1, and then learn no more (measured).
    x = layers.BatchNormalization(momentum=0.97, name="recurrent_norm")(recurrent)
    x = layers.Dense(spec.num_bins * spec.num_channels * len(spec.sources), name="mask_dense")(x)
    x = layers.Reshape((spec.num_bins, spec.num_channels * len(spec.sources)), name="mask_reshape")(x)
    x = layers.Activation("sigmoid", dtype="float32", name="mask_sigmoid")(x)
    return keras.Model([recurrent], named_masks(ops.split(x, len(spec.sources), axis=-1), spec), name="decoder")
