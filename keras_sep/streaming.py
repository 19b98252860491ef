"""The one-frame step of a trained model: explicit states in and out, shared layers.

The sequence model and the step are the same layers put together in two ways, so there is no second
copy of the network that could differ from the first.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import keras
from keras import layers, ops

from keras_sep.models.framewise import at_reference_level, join, loudness
from keras_sep.models.level import LevelCell
from keras_sep.models.recurrent_skip import RecurrentSkip

_RECURRENT = (layers.GRU, layers.LSTM)


def build_step(model: keras.Model, *, batch_size: int = 1) -> keras.Model:
    """One-frame view of `model` that shares its layers.

    Feeding frames in order from zero states reproduces `model` on the whole sequence
    (tests/test_streaming.py, atol 1e-5).

    Args:
        model: made by `keras_sep.models.framewise.build_sequence_model`; its weights are shared,
            not copied.
        batch_size: int ≥ 1, fixed at export.

    Returns:
        keras.Model. Inputs, a dict: `magnitude` (B, 1, F, C), linear, ≥ 0, and `state_<i>` (B, units).
        Outputs, a dict: the model's masks (B, 1, F, C) in [0, 1] and `new_state_<i>`. Adds no latency
        beyond `spec.algorithmic_latency` samples.

    Raises:
        ValueError: if `model` is not such a model, or not causal; names the layer.

    Source: Doire (2019), eq. (1). The state is explicit, our choice.
    """
    encoder, level, skip_memories, recurrent, decoder = _parts(model)
    magnitude = keras.Input((1, *encoder.inputs[0].shape[1:]), batch_size=batch_size, name="magnitude")
    states = _state_inputs([*level, *skip_memories, *recurrent], batch_size)
    of_level, of_skips, of_recurrent = _split(states, level, skip_memories)
    frame, new_states = ops.squeeze(magnitude, axis=1), []
    if level:
        found, new_states = _through(level, loudness(frame), of_level, _run_cell)
        frame = at_reference_level(frame, found)
    vector, *skips = encoder(frame)
    for layer, (state,) in zip(skip_memories, of_skips, strict=True):
        skips[layer.index], new = _SkipStep(layer)(skips[layer.index], state)
        new_states.append(new)
    vector, new = _through(recurrent, vector, of_recurrent, _run_cell)
    masks = {name: ops.expand_dims(mask, 1) for name, mask in decoder([vector, *skips]).items()}
    return _with_states(f"{model.name}_step", magnitude, states, masks, new_states + new)


def build_chunk(model: keras.Model, *, batch_size: int | None = None, num_frames: int | None = None) -> keras.Model:
    """`build_step` for many frames at once: a chunk of a sequence, with the states before and after it.

    For training on consecutive segments and for offline use in bounded memory. Names and shapes are
    those of `build_step`, with T frames for 1.
    """
    encoder, level, skip_memories, recurrent, decoder = _parts(model)
    magnitude = keras.Input((num_frames, *encoder.inputs[0].shape[1:]), batch_size=batch_size, name="magnitude")
    states = _state_inputs([*level, *skip_memories, *recurrent], batch_size)
    of_level, of_skips, of_recurrent = _split(states, level, skip_memories)
    new_states: list = []

    def through(chosen: list[layers.RNN], own: list[list]) -> Callable:
        def run(sequence):
            sequence, new = _through(chosen, sequence, own, _run_layer)
            new_states.extend(new)
            return sequence

        return run

    def along(layer: RecurrentSkip, state) -> Callable:
        def run(skip):
            skip, new = layer(skip, state)
            new_states.append(new)
            return skip

        return run

    # `join` calls them in this order, in which the states are numbered.
    follow = through(level, of_level) if level else None
    alongs = {layer.index: along(layer, state) for layer, (state,) in zip(skip_memories, of_skips, strict=True)}
    masks = join(encoder, through(recurrent, of_recurrent), decoder, magnitude, follow, alongs)
    return _with_states(f"{model.name}_chunk", magnitude, states, masks, new_states)


def initial_states(step: keras.Model, batch_size: int | None = None) -> dict:
    """Zero states of a model made by `build_step` or `build_chunk`, by input name: `state_<i>` (B, units).

    `batch_size` is needed where the model does not fix it.
    """
    return {
        tensor.name: ops.zeros((tensor.shape[0] or batch_size, *tensor.shape[1:]), tensor.dtype)
        for tensor in step.inputs
        if tensor.name.startswith("state_")
    }


def reset_state(model: keras.Model) -> None:
    """Sets the state of every stateful recurrent layer of `model` back to zero."""
    for layer in model.layers:
        if isinstance(layer, (layers.RNN, RecurrentSkip)) and layer.stateful:
            layer.reset_state()


def is_online(model: keras.Model) -> bool:
    """Whether `build_step` can turn `model` into a one-frame step."""
    try:
        _parts(model)
    except ValueError:
        return False
    return True


def _parts(
    model: keras.Model,
) -> tuple[keras.Model, list[layers.RNN], list[RecurrentSkip], list[layers.RNN], keras.Model]:
    """Encoder, the layer of the running level, if any, memories of skip connections, recurrent layers, decoder."""
    names = [layer.name for layer in model.layers]
    if "encoder" not in names or "decoder" not in names:
        raise ValueError(
            f"build_step: expected an online model, which has an encoder and a decoder of one frame. "
            f"Received: {model.name!r}, which has neither"
        )
    level, skip_memories, recurrent = [], [], []
    for layer in model.layers:
        if isinstance(layer, layers.Bidirectional) or getattr(layer, "go_backwards", False):
            raise ValueError(f"build_step: the model must be causal. Received: {layer.name!r}, which looks ahead")
        if isinstance(layer, layers.RNN) and isinstance(layer.cell, LevelCell):
            level.append(layer)
        elif isinstance(layer, RecurrentSkip):
            skip_memories.append(layer)
        elif isinstance(layer, layers.RNN):
            if not isinstance(layer, _RECURRENT):
                raise ValueError(f"build_step: recurrent layers must be GRU or LSTM. Received: {layer.name!r}")
            recurrent.append(layer)
    skip_memories.sort(key=lambda layer: layer.index)
    return model.get_layer("encoder"), level, skip_memories, recurrent, model.get_layer("decoder")


def _state_inputs(recurrent: list, batch_size: int | None) -> list[list]:
    """Inputs `state_<i>` (B, units): a list for each layer, one for a GRU, two for an LSTM."""
    index = itertools.count()
    return [
        [keras.Input((size,), batch_size=batch_size, name=f"state_{next(index)}") for size in _state_sizes(layer)]
        for layer in recurrent
    ]


def _split(states: list[list], first: list, second: list) -> tuple[list[list], list[list], list[list]]:
    """States of `first`, of `second` and of what follows them."""
    a, b = len(first), len(first) + len(second)
    return states[:a], states[a:b], states[b:]


def _through(recurrent: list[layers.RNN], x, states: list[list], advance: Callable) -> tuple:
    new_states: list = []
    for layer, own in zip(recurrent, states, strict=True):
        x, new = advance(layer, x, own)
        new_states.extend(new)
    return x, new_states


class _Cell(layers.Layer):
    """A recurrent layer's cell under a name of its own: cells of one kind are all called alike."""

    def __init__(self, cell, name: str):
        super().__init__(name=name, dtype=cell.dtype_policy)
        self.cell = cell

    def call(self, x, states):
        return self.cell(x, states)


class _SkipStep(layers.Layer):
    """One frame through a `RecurrentSkip`."""

    def __init__(self, skip: RecurrentSkip):
        super().__init__(name=f"{skip.name}_step", dtype=skip.dtype_policy)
        self.skip = skip

    def call(self, x, state):
        return self.skip.step(x, state)


def _run_cell(layer: layers.RNN, x, states: list) -> tuple:
    # The cell, not the layer: one frame needs no loop, and converters break on a loop of one.
    x, new = _Cell(layer.cell, f"{layer.name}_step")(x, states)
    return x, new if isinstance(new, (list, tuple)) else [new]


def _run_layer(layer: layers.RNN, sequence, states: list) -> tuple:
    # A second layer around the same cell: only this one gives its states away.
    run = layers.RNN(layer.cell, return_sequences=True, return_state=True, name=f"{layer.name}_chunk")
    sequence, *new = run(sequence, initial_state=states)
    return sequence, new


def _with_states(name: str, magnitude, states: list[list], masks: dict, new_states: list) -> keras.Model:
    inputs = {"magnitude": magnitude, **{state.name: state for own in states for state in own}}
    return keras.Model(inputs, {**masks, **{f"new_state_{i}": new for i, new in enumerate(new_states)}}, name=name)


def _state_sizes(layer: layers.RNN | RecurrentSkip) -> list[int]:
    size = layer.state_size if isinstance(layer, RecurrentSkip) else layer.cell.state_size
    return list(size) if isinstance(size, (list, tuple)) else [size]
