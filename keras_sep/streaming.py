"""The one-frame step of a trained model: explicit states in and out, shared layers.

The sequence model and the step are the same layers put together in two ways, so there is no second
copy of the network that could differ from the first.
"""

from __future__ import annotations

import keras
from keras import layers, ops

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
    encoder, recurrent, decoder = _parts(model)
    magnitude = keras.Input((1, *encoder.input_shape[1:]), batch_size=batch_size, name="magnitude")
    vector, *skips = encoder(magnitude[:, 0])
    states: list = []
    new_states: list = []
    for layer in recurrent:
        own = []
        for size in _state_sizes(layer):
            own.append(keras.Input((size,), batch_size=batch_size, name=f"state_{len(states)}"))
            states.append(own[-1])
        # The cell, not the layer: one frame needs no loop, and converters break on a loop of one.
        vector, new = layer.cell(vector, own)
        new_states.extend(new)
    outputs = {name: ops.expand_dims(mask, 1) for name, mask in decoder([vector, *skips]).items()}
    outputs |= {f"new_state_{i}": state for i, state in enumerate(new_states)}
    inputs = {"magnitude": magnitude, **{f"state_{i}": state for i, state in enumerate(states)}}
    return keras.Model(inputs, outputs, name=f"{model.name}_step")


def initial_states(step: keras.Model) -> dict:
    """Zero states of a model made by `build_step`, by input name: `state_<i>` (B, units)."""
    return {
        tensor.name: ops.zeros(tensor.shape, tensor.dtype) for tensor in step.inputs if tensor.name.startswith("state_")
    }


def reset_state(model: keras.Model) -> None:
    """Sets the state of every stateful recurrent layer of `model` back to zero."""
    for layer in model.layers:
        if isinstance(layer, layers.RNN) and layer.stateful:
            layer.reset_state()


def _parts(model: keras.Model) -> tuple[keras.Model, list[layers.RNN], keras.Model]:
    names = [layer.name for layer in model.layers]
    if "encoder" not in names or "decoder" not in names:
        raise ValueError(f"build_step: expected a model with an encoder and a decoder. Received: layers {names}")
    recurrent = []
    for layer in model.layers:
        if isinstance(layer, layers.Bidirectional) or getattr(layer, "go_backwards", False):
            raise ValueError(f"build_step: the model must be causal. Received: {layer.name!r}, which looks ahead")
        if isinstance(layer, layers.RNN):
            if not isinstance(layer, _RECURRENT):
                raise ValueError(f"build_step: recurrent layers must be GRU or LSTM. Received: {layer.name!r}")
            recurrent.append(layer)
    return model.get_layer("encoder"), recurrent, model.get_layer("decoder")


def _state_sizes(layer: layers.RNN) -> list[int]:
    size = layer.cell.state_size
    return list(size) if isinstance(size, (list, tuple)) else [size]
