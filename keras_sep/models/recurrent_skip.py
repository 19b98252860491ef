"""Memory for each bin of a level: one GRU along time for all of its bins."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("keras_sep")
class RecurrentSkip(layers.Layer):
    """x + Dense(GRU(x)): a GRU along time that is the same for every bin, each with a state of its own.

    What a partial does from frame to frame (it begins, holds, glides, trembles) is learned once for all frequencies;
    the GRU of the bottleneck would have to learn it for each. Ours, not the paper's; as the recurrent layers along
    time of band-split networks (Luo and Yu, 2023) share their weights. The Dense begins with zeros, so that a network
    begins as if it were not there.

    Args:
        index: the level of the encoder whose bins these are.
        bins, channels: of x, F and C.
        stateful: keeps the state from one call to the next.
        units: of the GRU, U for each bin; None for as many as channels.

    Call: x (B, T, F, C) and, optionally, a state (B, F · U) → the same with memory (B, T, F, C) and the new state.
    """

    def __init__(
        self, index: int, bins: int, channels: int, stateful: bool = False, units: int | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.index, self.bins, self.channels, self.stateful = index, bins, channels, stateful
        self.units = channels if units is None else units
        self.gru = layers.GRU(
            self.units,
            return_sequences=True,
            return_state=True,
            stateful=stateful,
            dtype=self.dtype_policy,
            name="gru",
        )
        self.dense = layers.Dense(channels, kernel_initializer="zeros", dtype=self.dtype_policy, name="dense")

    @property
    def state_size(self) -> int:
        return self.bins * self.units

    def build(self, x_shape, state_shape=None):
        rows = None if x_shape[0] is None else x_shape[0] * self.bins
        self.gru.build((rows, x_shape[1], self.channels))
        self.dense.build((rows, x_shape[1], self.units))
        self.built = True

    def call(self, x, state=None):
        frames = ops.shape(x)[1]
        rows = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, frames, self.channels))  # a sequence for each bin
        initial = None if state is None else [ops.reshape(state, (-1, self.units))]
        sequence, new = self.gru(rows, initial_state=initial)
        change = ops.reshape(self.dense(sequence), (-1, self.bins, frames, self.channels))
        return x + ops.transpose(change, (0, 2, 1, 3)), ops.reshape(new, (-1, self.state_size))

    def compute_output_shape(self, x_shape, state_shape=None):
        return tuple(x_shape), (x_shape[0], self.state_size)

    def step(self, x, state):
        """One frame: x (B, F, C) and the state (B, F · U) → the same with memory and the new state."""
        rows = ops.reshape(x, (-1, self.channels))
        h, _ = self.gru.cell(rows, [ops.reshape(state, (-1, self.units))])
        change = ops.reshape(self.dense(h), (-1, self.bins, self.channels))
        return x + change, ops.reshape(h, (-1, self.state_size))

    def reset_state(self) -> None:
        self.gru.reset_state()

    def get_config(self):
        own = ("index", "bins", "channels", "stateful", "units")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}
