"""A memory for each position along frequency: one GRU along time that all positions share."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers


@keras.saving.register_keras_serializable("keras_sep")
class BinMemory(layers.Layer):
    """A residual GRU along time, x + Dense(GRU(x)), whose weights all positions share, each with its own state.

    How a partial moves from frame to frame (onset, sustain, glide, vibrato) is learned once for all frequencies; the
    GRU of the bottleneck would have to learn it for each. Ours, not the paper's; the recurrent layers along time of
    band-split networks (Luo and Yu, 2023) share their weights likewise. The Dense is initialised with zeros, so that
    the layer changes nothing in an untrained network.

    Args:
        channels: of x, C.
        units: of the GRU, U for each position.

    Call: x (N, P, C) and `recur`, see `keras_sep.models.recurrence` → the same with memory (N, P, C).
    """

    def __init__(self, channels: int, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.channels, self.units = channels, units
        self.gru = layers.GRU(units, return_sequences=True, return_state=True, name="gru")
        self.dense = layers.Dense(channels, kernel_initializer="zeros", name="dense")

    def build(self, shape):
        self.gru.build((None, None, self.channels))
        self.dense.build((None, None, self.units))

    def call(self, x, recur):
        return x + self.dense(recur(self.gru, x))

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "channels": self.channels, "units": self.units}
