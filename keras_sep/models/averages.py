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

    At a full frequency resolution that the GRU, behind the encoder, does not see: what is new in a bin,
    what stays, what has gone.

    Args:
        size: numbers of a frame.
        time_constants: in frames, > 0; K of them. After so many frames, a step has come through by 1 − 1/e.

    Call: frame (B, size), states (B, size · K) → the new averages (B, size · K), K neighbours of each number, twice.
    """

    def __init__(self, size: int, time_constants: Sequence[float], **kwargs: Any):
        super().__init__(**kwargs)
        if not time_constants or min(time_constants) <= 0:
            raise ValueError(
                f"AveragesCell: time_constants must be above 0. Received: time_constants={time_constants!r}"
            )
        self.size, self.time_constants = size, tuple(time_constants)
        self.state_size = self.output_size = size * len(self.time_constants)

    def call(self, frame, states):
        (averages,) = states
        count = len(self.time_constants)
        pace = ops.convert_to_tensor([1 - math.exp(-1 / t) for t in self.time_constants], averages.dtype)
        averages = ops.reshape(averages, (-1, self.size, count))
        averages = averages + pace * (ops.expand_dims(frame, -1) - averages)
        averages = ops.reshape(averages, (-1, self.state_size))
        return averages, [averages]

    def get_config(self):
        return {**super().get_config(), "size": self.size, "time_constants": self.time_constants}
