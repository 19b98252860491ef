"""The two ways to run a recurrent layer: over a sequence, and for one frame with explicit states.

A network's forward pass calls `recur(layer, x)` wherever something looks along time, and nowhere else. What
`recur` is makes the difference between training and the step of a stream; the rest of the pass is the same code.

`x` is (N, C), or (N, P, C) where P positions share the layer, each with a separate state. States are (B, P · U).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from keras import layers, ops


class OverSequence:
    """A way to run recurrent layers along T frames; x is (B · T, …, C), the frames of a sequence one after the other.

    Args:
        num_frames: T.
        states: initial states, in the order in which the pass meets the layers; None for zeros.

    Attributes:
        new_states: states after the last frame, in the same order.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.models import OrUnet
        >>> from keras_sep.models.recurrence import OverSequence
        >>> network, recur = OrUnet("tiny"), OverSequence(num_frames=8)
        >>> vocals, accompaniment = network.masks(np.ones((8, 1025, 2), "float32"), recur)
        >>> tuple(vocals.shape), [tuple(state.shape) for state in recur.new_states]
        ((8, 1025, 2), [(1, 12)])
    """

    def __init__(self, num_frames: Any, states: Iterable[Any] | None = None):
        self.num_frames = num_frames
        self._states = None if states is None else iter(states)
        self.new_states: list[Any] = []

    def __call__(self, layer: layers.RNN, x):
        *positions, channels = x.shape[1:]
        count = math.prod(positions)
        x = ops.reshape(x, (-1, self.num_frames, count, channels))
        initial, num_sequences = None, -1
        if self._states is not None:
            initial = [ops.reshape(next(self._states), (-1, size)) for size in state_sizes(layer)]
            # Their number is known then; a loop over an unknown number of frames wants it to be that of the states.
            num_sequences = initial[0].shape[0] or -1
        # A sequence for each position: they share the layer.
        x = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (num_sequences, self.num_frames, channels))
        x, *new = layer(x, initial_state=initial)
        self.new_states += [ops.reshape(state, (-1, count * state.shape[-1])) for state in new]
        units = x.shape[-1]
        x = ops.transpose(ops.reshape(x, (-1, count, self.num_frames, units)), (0, 2, 1, 3))
        return ops.reshape(x, (-1, *positions, units))


class OneFrame:
    """A way to run recurrent layers for one frame; x is (B, …, C).

    It calls the cell, not the layer: one frame needs no loop, and converters break on a loop of one.

    Args:
        states: as those of `OverSequence`.

    Attributes:
        new_states: states after the frame, in the same order.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.models import OrUnet
        >>> from keras_sep.models.recurrence import OneFrame
        >>> network, recur = OrUnet("tiny"), OneFrame([np.zeros((1, 12), "float32")])
        >>> vocals, accompaniment = network.masks(np.ones((1, 1025, 2), "float32"), recur)
        >>> tuple(vocals.shape), [tuple(state.shape) for state in recur.new_states]
        ((1, 1025, 2), [(1, 12)])
    """

    def __init__(self, states: Iterable[Any]):
        self._states = iter(states)
        self.new_states: list[Any] = []

    def __call__(self, layer: layers.RNN, x):
        *positions, channels = x.shape[1:]
        count = math.prod(positions)
        own = [ops.reshape(next(self._states), (-1, size)) for size in state_sizes(layer)]
        x, new = layer.cell(ops.reshape(x, (-1, channels)), own)
        new = new if isinstance(new, (list, tuple)) else [new]
        self.new_states += [ops.reshape(state, (-1, count * state.shape[-1])) for state in new]
        return ops.reshape(x, (-1, *positions, x.shape[-1]))


def state_sizes(layer: layers.RNN) -> list[int]:
    """Returns the units of each state of a layer: one for a GRU, two for an LSTM.

    Examples:
        >>> import keras
        >>> from keras_sep.models.recurrence import state_sizes
        >>> state_sizes(keras.layers.GRU(5)), state_sizes(keras.layers.LSTM(5))
        ([5], [5, 5])
    """
    size = layer.cell.state_size
    return list(size) if isinstance(size, (list, tuple)) else [size]
