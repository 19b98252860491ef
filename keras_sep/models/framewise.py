"""Networks that look along time in their recurrent layers only.

Such a network is three parts: an `encoder` of one frame, recurrent layers, and a `decoder` of one
frame that also sees the encoder's skip connections. The encoder's input may be divided by its running
level, and skip connections and levels of the decoder may have a memory of their own. The sequence model
below and the one-frame step of `keras_sep.streaming` put the same parts together in two ways.

Shapes: B batch, T frames, F bins, C audio channels. Encoder and decoder see (B·T, …): frames are
folded into the batch, which is three times as fast as `TimeDistributed`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import layers, ops

from keras_sep.models.level import LEAST, REFERENCE
from keras_sep.models.recurrent_skip import RecurrentSkip
from keras_sep.spec import StreamSpec


def choose_config(architecture: str, size: Any, configs: Mapping[str, Any]) -> Any:
    """The configuration that `size` names, or `size` itself if it is one.

    Raises:
        ValueError: names what there is.
    """
    config = configs.get(size.lower()) if isinstance(size, str) else size
    if config is None:
        raise ValueError(f"{architecture}: size must be one of {', '.join(configs)}. Received: size={size!r}")
    return config


def require_batch_size(architecture: str, stateful: bool, batch_size: int | None) -> None:
    """Raises ValueError for a stateful model of any batch size: its state has one row for each sequence."""
    if stateful and batch_size is None:
        raise ValueError(f"{architecture}: a stateful model needs a fixed batch_size. Received: batch_size=None")


def compress(magnitude):
    """Fourth root of the linear magnitude, as two square roots: both are fast in every runtime.

    It evens out the 60 dB between low and high bins, and a change of level by 20 dB becomes 5 dB.
    """
    return ops.sqrt(ops.sqrt(magnitude))


def named_masks(masks: Sequence, spec: StreamSpec) -> dict:
    """One mask (…, C) for each of `spec.sources` → the same as `<source>_mask`."""
    return {f"{source}_mask": mask for source, mask in zip(spec.sources, masks, strict=True)}


@keras.saving.register_keras_serializable("keras_sep")
class FoldFrames(layers.Layer):
    """(B, T, …) → (B·T, …)."""

    def call(self, x):
        return ops.reshape(x, (-1, *x.shape[2:]))

    def compute_output_shape(self, input_shape):
        batch, frames, *rest = input_shape
        return (None if batch is None or frames is None else batch * frames, *rest)


@keras.saving.register_keras_serializable("keras_sep")
class UnfoldFrames(layers.Layer):
    """(B·T, …) → (B, T, …), with B and T of a second input."""

    def call(self, x, like):
        batch, frames = ops.shape(like)[:2]
        return ops.reshape(x, (batch, frames, *x.shape[1:]))

    def compute_output_shape(self, x_shape, like_shape):
        return (*like_shape[:2], *x_shape[1:])


def build_sequence_model(
    encoder: keras.Model,
    recurrent: Sequence[layers.RNN],
    decoder: keras.Model,
    *,
    level: layers.RNN | None = None,
    recurrent_skips: Sequence[RecurrentSkip] = (),
    stages: Sequence[tuple[keras.Model, RecurrentSkip]] = (),
    batch_size: int | None = None,
    num_frames: int | None = None,
    name: str,
) -> keras.Model:
    """All frames of a segment at once, for training and offline use.

    Args:
        encoder: model "encoder", from (N, F, C), linear magnitude ≥ 0, to a list: a vector (N, units) for the
            recurrent layers, then any number of skip connections.
        recurrent: layers that return sequences, applied one after the other.
        decoder: model "decoder", from a list (the last recurrent layer's output, then the skip
            connections) to a dict of masks (N, F, C) in [0, 1].
        level: see `keras_sep.models.level.level_layer`; None leaves the encoder's input as it is.
        recurrent_skips: of skip connections that have a memory.
        stages: what the decoder begins with, if levels of it have a memory: for each, a model like `decoder`, from the
            last output and the skip connections that are left, as many of the last as it takes, to (N, F, C), and the
            memory that this goes through.
        batch_size, num_frames: fixed B and T, or None for any.

    Returns:
        keras.Model from `magnitude` (B, T, F, C) to the decoder's dict of masks (B, T, F, C).
    """
    frame_shape = encoder.inputs[0].shape[1:]
    magnitude = keras.Input((num_frames, *frame_shape), batch_size=batch_size, name="magnitude")

    def remember(sequence):
        for layer in recurrent:
            sequence = layer(sequence)
        return sequence

    def through(layer: RecurrentSkip) -> Callable:
        return lambda x: layer(x)[0]

    along = {layer.index: through(layer) for layer in recurrent_skips}
    begin = [(part, through(memory)) for part, memory in stages]
    return keras.Model(magnitude, join(encoder, remember, decoder, magnitude, level, along, begin), name=name)


def join(
    encoder: keras.Model,
    remember: Callable,
    decoder: keras.Model,
    magnitude,
    follow: Callable | None = None,
    along: Mapping[int, Callable] | None = None,
    stages: Sequence[tuple[keras.Model, Callable]] = (),
) -> dict:
    """Masks by name (B, T, F, C) of `magnitude`.

    Args:
        encoder, decoder: as for `build_sequence_model`.
        remember: what stands between encoder and decoder.
        magnitude: (B, T, F, C), linear.
        follow: what turns loudness into the running level, if the encoder's input is divided by it.
        along: what skip connections go through, (B, T, F, C) each, by their index.
        stages: as for `build_sequence_model`, with what each goes through, (B, T, F, C).
    """

    def over_time(run: Callable, name: str) -> Callable:
        return lambda x: FoldFrames(name=f"fold_{name}")(run(UnfoldFrames(name=f"unfold_{name}")(x, magnitude)))

    seen = magnitude if follow is None else at_reference_level(magnitude, follow(loudness(magnitude)))
    vector, *skips = encoder(FoldFrames(name="fold")(seen))
    for index, run in (along or {}).items():
        skips[index] = over_time(run, f"skip_{index}")(skips[index])
    sequence = remember(UnfoldFrames(name="unfold_vector")(vector, magnitude))
    folded = [(part, over_time(run, part.name)) for part, run in stages]
    masks = decode(folded, decoder, FoldFrames(name="fold_sequence")(sequence), skips)
    unfold = UnfoldFrames(dtype="float32", name="unfold")
    return {key: unfold(mask, magnitude) for key, mask in masks.items()}


def decode(stages: Sequence[tuple[keras.Model, Callable]], decoder: keras.Model, x, skips: Sequence) -> dict:
    """Masks by name from the last recurrent layer's output and the skip connections, through `stages` if any."""
    for part, run in stages:
        left = len(skips) - (len(part.inputs) - 1)
        x, skips = run(part([x, *skips[left:]])), skips[:left]
    return decoder([x, *skips])


def loudness(magnitude):
    """Mean compressed magnitude of each frame: (B, T, F, C) → (B, T, 1), (B, F, C) → (B, 1)."""
    return ops.expand_dims(ops.mean(compress(magnitude), axis=(-2, -1)), -1)


def at_reference_level(magnitude, level):
    """Linear magnitude as if its running level, (B, T, 1) or (B, 1), were `REFERENCE`; of its shape."""
    gain = ops.square(ops.square(REFERENCE / ops.maximum(level, LEAST)))  # of the linear magnitude
    return magnitude * ops.expand_dims(gain, -1)
