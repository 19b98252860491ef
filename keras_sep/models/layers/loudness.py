"""Running loudness of a stream: what a network divides its input by, so that loud and quiet songs look alike to it."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers, ops

TIME_CONSTANTS = (8, 128)  # frames: 93 ms, to follow a sudden entry, and 1.5 s, to hold through a pause
REFERENCE = 1.0  # mean compressed magnitude that every song comes to
LEAST = 0.15  # that of white noise at −92 dB: what is quieter than that stays quiet


@keras.saving.register_keras_serializable("keras_sep")
class LoudnessCell(layers.Layer):
    """A cell of `keras.layers.RNN`: the larger of two moving averages of a number. No weights.

    Shortly after the beginning they are averages of what there has been, not of silence before it (as in Adam's
    correction, Kingma and Ba 2015): the first frame's loudness is its own.

    Call: x (B, 1) ≥ 0, and two states, sums (B, K) and their weights (B, K), zero at first, K = 2 → the loudness
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


def loudness_tracker() -> layers.RNN:
    """Recurrent layer from each frame's loudness (B, T, 1) to the running one (B, T, 1)."""
    return layers.RNN(LoudnessCell(), return_sequences=True, return_state=True, name="loudness")


def normalise_loudness(compressed, tracker, recur):
    """Compressed magnitude (N, P, V) as if the running loudness were `REFERENCE`; of its shape."""
    loudness = recur(tracker, ops.reshape(ops.mean(compressed, axis=(1, 2), keepdims=True), (-1, 1)))
    return compressed * ops.expand_dims(REFERENCE / ops.maximum(loudness, LEAST), -1)
