"""Moving averages of the spectrum: what each bin has sounded like lately, as further input channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("keras_sep")
class AveragesCell(layers.Layer):
    """A cell of `keras.layers.RNN`: exponential moving averages of each number, one a time constant. No weights.

    At the full resolution, which the GRU, behind the encoder, does not see: what is new in a bin, what stays, what
    has gone. Shortly after the beginning they are averages of what there has been, not of silence before it: a
    network that was trained on segments of seconds finds the same in a song (as in Adam's correction, Kingma and
    Ba 2015).

    Args:
        size: numbers of a frame.
        time_constants: in frames, > 0; K of them. An older frame counts 1/e after so many.

    Call: frame (B, size) and two states, sums (B, size · K) and their weights (B, K), zero at first → the averages
    (B, size · K), the K of each number side by side, and the new states.
    """

    def __init__(self, size: int, time_constants: Sequence[float], **kwargs: Any):
        super().__init__(**kwargs)
        if not time_constants or min(time_constants) <= 0:
            raise ValueError(
                f"AveragesCell: time_constants must be above 0. Received: time_constants={time_constants!r}"
            )
        self.size, self.time_constants = size, tuple(time_constants)
        count = len(self.time_constants)
        self.state_size, self.output_size = [size * count, count], size * count

    def call(self, frame, states):
        sums, weights = states
        shape = (-1, self.size, len(self.time_constants))
        pace = ops.convert_to_tensor([1 - math.exp(-1 / t) for t in self.time_constants], sums.dtype)
        sums = ops.reshape(sums, shape)
        # Averages of silence stay out of the subnormal numbers, which processors are slow with.
        sums = sums + pace * (ops.expand_dims(frame + 1e-12, -1) - sums)
        weights = weights + pace * (1 - weights)
        averages = ops.reshape(sums * ops.expand_dims(1 / weights, 1), (-1, self.output_size))
        return averages, [ops.reshape(sums, (-1, self.output_size)), weights]

    def get_config(self):
        return {**super().get_config(), "size": self.size, "time_constants": self.time_constants}
