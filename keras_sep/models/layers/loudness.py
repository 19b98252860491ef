"""Running loudness of a stream, by which a network divides its input, so that loud and quiet songs look alike to it."""

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
    """A cell of `keras.layers.RNN` without weights: the larger of two moving averages of a number.

    Shortly after the beginning they average what there has been, not the silence before it (as in Adam's
    correction, Kingma and Ba 2015): the first frame's loudness is its own.

    Call: x (B, 1) ≥ 0, and two states, sums (B, K) and their weights (B, K), zero at first, K = 2 → the loudness
    (B, 1) and the new states.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.models.layers.loudness import LoudnessCell
        >>> loudness, states = LoudnessCell()(np.full((1, 1), 0.5, "float32"), [np.zeros((1, 2), "float32")] * 2)
        >>> round(float(loudness[0, 0]), 3)
        0.5
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
    """Makes the recurrent layer from each frame's loudness (B, T, 1) to the running one (B, T, 1).

    Examples:
        >>> import numpy as np
        >>> from keras_sep.models.layers.loudness import loudness_tracker
        >>> loudness, sums, weights = loudness_tracker()(np.full((1, 8, 1), 0.5, "float32"))
        >>> round(float(loudness[0, -1, 0]), 3)
        0.5
    """
    return layers.RNN(LoudnessCell(), return_sequences=True, return_state=True, name="loudness")


def normalise_loudness(compressed, tracker, recur):
    """Scales compressed magnitudes (N, P, V) as if the running loudness were `REFERENCE`.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.models.layers.loudness import loudness_tracker, normalise_loudness
        >>> from keras_sep.models.recurrence import OverSequence
        >>> frames, tracker = np.full((8, 320, 2), 0.5, "float32"), loudness_tracker()
        >>> x = normalise_loudness(frames, tracker, OverSequence(num_frames=8))
        >>> round(float(x[0, 0, 0]), 3)
        1.0
    """
    loudness = recur(tracker, ops.reshape(ops.mean(compressed, axis=(1, 2), keepdims=True), (-1, 1)))
    return compressed * ops.expand_dims(REFERENCE / ops.maximum(loudness, LEAST), -1)
