"""Memory for each position of a level: one GRU along time for all of them."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers


@keras.saving.register_keras_serializable("keras_sep")
class BinMemory(layers.Layer):
    """x + Dense(GRU(x)): a GRU along time that all positions share, each with a state of its own.

    What a partial does from frame to frame (it begins, holds, glides, trembles) is learned once for all frequencies;
    the GRU of the bottleneck would have to learn it for each. Ours, not the paper's; as the recurrent layers along
    time of band-split networks (Luo and Yu, 2023) share their weights. The Dense begins with zeros, so that a network
    begins as if it were not there.

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
