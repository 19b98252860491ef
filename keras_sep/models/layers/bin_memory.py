"""A memory for each position of a level: one GRU along time for all of them."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers


@keras.saving.register_keras_serializable("keras_sep")
class BinMemory(layers.Layer):
    """A memory x + Dense(GRU(x)): one GRU along time for all positions, each with a separate state.

    It learns once for all frequencies how a partial moves from frame to frame: it begins, holds, glides, trembles. The
    GRU of the bottleneck would have to learn that for each. It is ours, not the paper's; the recurrent layers along
    time of band-split networks (Luo and Yu, 2023) share their weights likewise. The Dense starts from zeros, so that a
    network with a new memory computes what it did without.

    Args:
        channels: channels of x, C.
        units: units of the GRU, U for each position.

    Call: x (N, P, C) and `recur`, see `keras_sep.models.recurrence` → the same with memory (N, P, C).

    Examples:
        >>> import numpy as np
        >>> from keras_sep.models.layers.bin_memory import BinMemory
        >>> from keras_sep.models.recurrence import OverSequence
        >>> recur = OverSequence(num_frames=8)
        >>> x = BinMemory(channels=6, units=4)(np.ones((8, 80, 6), "float32"), recur=recur)
        >>> tuple(x.shape), tuple(recur.new_states[0].shape)  # 80 positions of 4 units
        ((8, 80, 6), (1, 320))
    """

    def __init__(self, channels: int, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.channels, self.units = channels, units
        self.gru = layers.GRU(units, return_sequences=True, return_state=True, name="gru")
        self.dense = layers.Dense(channels, kernel_initializer="zeros", name="dense")

    def build(self, input_shape):
        self.gru.build((None, None, self.channels))
        self.dense.build((None, None, self.units))

    def call(self, x, recur):
        return x + self.dense(recur(self.gru, x))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "channels": self.channels, "units": self.units}
