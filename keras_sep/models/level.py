"""Running level of a stream: what a network divides its input by, so that loud and quiet songs look alike to it."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers, ops

TIME_CONSTANTS = (8, 128)  # frames: 93 ms, to follow a sudden entry, and 1.5 s, to hold through a pause
REFERENCE = 1.0  # mean compressed magnitude that every song comes to
LEAST = 0.15  # that of white noise at −92 dB: what is quieter than that stays quiet


@keras.saving.register_keras_serializable("keras_sep")
class LevelCell(layers.Layer):
    """A cell of `keras.layers.RNN`: the larger of two moving averages of a number. No weights.

    Shortly after the beginning they are averages of what there has been, not of silence before it (as in Adam's
    correction, Kingma and Ba 2015): the first frame's level is its own.

    Call: x (B, 1) ≥ 0, and two states, sums (B, K) and their weights (B, K), zero at first, K = 2 → the level
    (B, 1) and the new states.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        count = len(TIME_CONSTANTS)
        self.state_size, self.output_size = [count, count], 1

    def call(self, x, states):
        sums, weights = states
        pace = ops.convert_to_tensor([[1 - math.exp(-1 / t) for t in TIME_CONSTANTS]], sums.dtype)
        # Averages of silence stay out of the subnormal numbers, which processors are slow with.
        sums = sums + pace * (x + 1e-12 - sums)
        weights = weights + pace * (1 - weights)
        return ops.max(sums / weights, axis=-1, keepdims=True), [sums, weights]


def level_layer(*, stateful: bool = False) -> layers.RNN:
    """Layer "level", from `keras_sep.models.framewise.loudness` (B, T, 1) to its running level (B, T, 1).

    In float32 in any precision: a slow average moves by less than bfloat16 can tell.
    """
    cell = LevelCell(dtype="float32")
    return layers.RNN(cell, return_sequences=True, stateful=stateful, dtype="float32", name="level")
