"""The one-frame step of a trained model: explicit states in and out, shared layers.

The sequence model and the step are the same layers put together in two ways, so there is no second
copy of the network that could differ from the first.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers, ops

from keras_sep.models.framewise import at_reference_level, decode, join, loudness
from keras_sep.models.level import LevelCell
from keras_sep.models.recurrent_skip import RecurrentSkip

_RECURRENT = (layers.GRU, layers.LSTM)


def build_step(model: keras.Model, *, batch_size: int = 1) -> keras.Model:
    """One-frame view of `model` that shares its layers.

    Feeding frames in order from zero states reproduces `model` on the whole sequence
    (tests/keras_sep/test_streaming.py, atol 1e-5).

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
    parts = _parts(model)
    magnitude = keras.Input((1, *parts.encoder.inputs[0].shape[1:]), batch_size=batch_size, name="magnitude")
    states = _state_inputs(parts.stateful, batch_size)
    through, new_states = _through(states, _run_cell, _run_memory_step)
    frame = ops.squeeze(magnitude, axis=1)
    if parts.level:
        frame = at_reference_level(frame, through(parts.level, loudness(frame)))
    vector, *skips = parts.encoder(frame)
    for layer in parts.skip_memories:
        skips[layer.index] = through(layer, skips[layer.index])
    for layer in parts.recurrent:
        vector = through(layer, vector)
    masks = decode(parts.stages_through(through), parts.decoder, vector, skips)
    masks = {name: ops.expand_dims(mask, 1) for name, mask in masks.items()}
    return _with_states(f"{model.name}_step", magnitude, states, masks, new_states)


def build_chunk(model: keras.Model, *, batch_size: int | None = None, num_frames: int | None = None) -> keras.Model:
    """`build_step` for many frames at once: a chunk of a sequence, with the states before and after it.

    For training on consecutive segments and for offline use in bounded memory. Names and shapes are
    those of `build_step`, with T frames for 1.
    """
    parts = _parts(model)
    magnitude = keras.Input((num_frames, *parts.encoder.inputs[0].shape[1:]), batch_size=batch_size, name="magnitude")
    states = _state_inputs(parts.stateful, batch_size)
    through, new_states = _through(states, _run_layer, _run_memory)

    def remember(sequence):
        for layer in parts.recurrent:
            sequence = through(layer, sequence)
        return sequence

    # `join` calls them in this order, in which the states are numbered.
    follow = functools.partial(through, parts.level) if parts.level else None
    along = {layer.index: functools.partial(through, layer) for layer in parts.skip_memories}
    masks = join(parts.encoder, remember, parts.decoder, magnitude, follow, along, parts.stages_through(through))
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


@dataclass(frozen=True)
class _Parts:
    """What a model of `build_sequence_model` was made of; its arguments say what each is."""

    encoder: keras.Model
    level: layers.RNN | None
    skip_memories: list[RecurrentSkip]
    recurrent: list[layers.RNN]
    stages: list[tuple[keras.Model, RecurrentSkip]]
    decoder: keras.Model

    @property
    def stateful(self) -> list[layers.RNN | RecurrentSkip]:
        """In the order in which a frame goes through them."""
        level = [self.level] if self.level else []
        return [*level, *self.skip_memories, *self.recurrent, *(memory for _, memory in self.stages)]

    def stages_through(self, run: Callable) -> list[tuple[keras.Model, Callable]]:
        return [(part, functools.partial(run, memory)) for part, memory in self.stages]


def _parts(model: keras.Model) -> _Parts:
    names = [layer.name for layer in model.layers]
    if "encoder" not in names or "decoder" not in names:
        raise ValueError(
            f"build_step: expected an online model, which has an encoder and a decoder of one frame. "
            f"Received: {model.name!r}, which has neither"
        )
    level, memories, recurrent = None, [], []
    for layer in model.layers:
        if isinstance(layer, layers.Bidirectional) or getattr(layer, "go_backwards", False):
            raise ValueError(f"build_step: the model must be causal. Received: {layer.name!r}, which looks ahead")
        if isinstance(layer, layers.RNN) and isinstance(layer.cell, LevelCell):
            level = layer
        elif isinstance(layer, RecurrentSkip):
            memories.append(layer)
        elif isinstance(layer, layers.RNN):
            if not isinstance(layer, _RECURRENT):
                raise ValueError(f"build_step: recurrent layers must be GRU or LSTM. Received: {layer.name!r}")
            recurrent.append(layer)
    memories.sort(key=lambda layer: layer.index)
    stages = [(f"decoder_to_{layer.index}", layer) for layer in reversed(memories) if layer.name.startswith("decoder")]
    return _Parts(
        encoder=model.get_layer("encoder"),
        level=level,
        skip_memories=[layer for layer in memories if not layer.name.startswith("decoder")],
        recurrent=recurrent,
        stages=[(model.get_layer(part), layer) for part, layer in stages],
        decoder=model.get_layer("decoder"),
    )


def _state_inputs(stateful: list, batch_size: int | None) -> dict[str, list]:
    """Inputs `state_<i>` (B, units) of each layer by its name: one for a GRU, two for an LSTM."""
    index = itertools.count()
    return {
        layer.name: [
            keras.Input((size,), batch_size=batch_size, name=f"state_{next(index)}") for size in _state_sizes(layer)
        ]
        for layer in stateful
    }


def _through(states: dict[str, list], run: Callable, run_memory: Callable) -> tuple[Callable, list]:
    """What takes a layer and its input to its output, and the list in which it leaves the new states."""
    new_states: list = []

    def through(layer: layers.RNN | RecurrentSkip, x):
        x, new = (run_memory if isinstance(layer, RecurrentSkip) else run)(layer, x, states[layer.name])
        new_states.extend(new)
        return x

    return through, new_states


class _Cell(layers.Layer):
    """A recurrent layer's cell under a name of its own: cells of one kind are all called alike."""

    def __init__(self, cell, name: str):
        super().__init__(name=name, dtype=cell.dtype_policy)
        self.cell = cell

    def call(self, x, states):
        return self.cell(x, states)


class _MemoryStep(layers.Layer):
    """One frame through a `RecurrentSkip`."""

    def __init__(self, memory: RecurrentSkip):
        super().__init__(name=f"{memory.name}_step", dtype=memory.dtype_policy)
        self.memory = memory

    def call(self, x, state):
        return self.memory.step(x, state)


def _run_memory_step(layer: RecurrentSkip, x, states: list) -> tuple:
    x, new = _MemoryStep(layer)(x, *states)
    return x, [new]


def _run_memory(layer: RecurrentSkip, sequence, states: list) -> tuple:
    sequence, new = layer(sequence, *states)
    return sequence, [new]


def _run_cell(layer: layers.RNN, x, states: list) -> tuple:
    # The cell, not the layer: one frame needs no loop, and converters break on a loop of one.
    x, new = _Cell(layer.cell, f"{layer.name}_step")(x, states)
    return x, new if isinstance(new, (list, tuple)) else [new]


def _run_layer(layer: layers.RNN, sequence, states: list) -> tuple:
    # A second layer around the same cell: only this one gives its states away.
    run = layers.RNN(layer.cell, return_sequences=True, return_state=True, name=f"{layer.name}_chunk")
    sequence, *new = run(sequence, initial_state=states)
    return sequence, new


def _with_states(name: str, magnitude, states: dict[str, list], masks: dict, new_states: list) -> keras.Model:
    inputs = {"magnitude": magnitude, **{state.name: state for own in states.values() for state in own}}
    return keras.Model(inputs, {**masks, **{f"new_state_{i}": new for i, new in enumerate(new_states)}}, name=name)


def _state_sizes(layer: layers.RNN | RecurrentSkip) -> list[int]:
    size = layer.state_size if isinstance(layer, RecurrentSkip) else layer.cell.state_size
    return list(size) if isinstance(size, (list, tuple)) else [size]
