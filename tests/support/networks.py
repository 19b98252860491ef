"""Small networks, one of each architecture, and magnitudes to try them on."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np

from keras_sep.models import BinMemoryUnet, Lstm, MaskNetwork, OnlineNetwork, OrUnet
from keras_sep.models.layers.bands import EVERY_BIN
from keras_sep.models.layers.bin_memory import BinMemory
from keras_sep.spec import StreamSpec

SMALL_SPEC = StreamSpec(frame_length=256, frame_step=64, fft_length=256)
FOUR_VIEWS = StreamSpec(frame_length=256, frame_step=64, fft_length=256, views=("left", "right", "mid", "side"))
BINS = (np.arange(SMALL_SPEC.num_bins) % 16 < 8).astype(np.float32)[None, None, :, None]


def magnitude(frames: int, spec: StreamSpec = SMALL_SPEC, batch: int = 1) -> np.ndarray:
    """(batch, frames, bins, views) of noise, the same every time."""
    rng = np.random.default_rng(5)
    return np.abs(rng.standard_normal((batch, frames, spec.num_bins, spec.num_views))).astype(np.float32)


def song(frames: int = 16, batch: int = 2, spec: StreamSpec = SMALL_SPEC) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The views of a mixture whose sources share no bin, and the sources."""
    x = magnitude(frames, spec, batch)
    channels = x[..., : spec.num_channels]
    return x, {"vocals": channels * BINS, "accompaniment": channels * (1 - BINS)}


def move_normalisation(network: keras.Model, seed: int) -> None:
    """Gives batch normalisations other values than the initial ones, which change nothing."""
    rng = np.random.default_rng(seed)
    for variable in network.weights:
        if "norm" in variable.path:
            variable.assign(variable + rng.uniform(0, 0.5, variable.shape))


def wake(network: MaskNetwork, seed: int = 5) -> MaskNetwork:
    """Makes everything in a new network matter, as after training; returns it.

    Initial weights hear little of the past, and memories add nothing at first.
    """
    move_normalisation(network, seed)
    rng = np.random.default_rng(seed)
    for variable in network.weights:
        if "recurrent_kernel" in variable.path:
            variable.assign(variable * 2)
    for layer in network._flatten_layers():
        if isinstance(layer, BinMemory):
            layer.dense.set_weights([rng.standard_normal(w.shape) for w in layer.dense.get_weights()])
    if isinstance(network, OrUnet):
        network.expand.kernel.assign(4 * network.expand.kernel)
    if isinstance(network, Lstm):
        network.mask.set_weights([2 * w for w in network.mask.get_weights()])
    return network


def small_network(
    seed: int, kind: type[MaskNetwork] = OrUnet, spec: StreamSpec = SMALL_SPEC, size: Any = "tiny"
) -> Any:
    """A network of size tiny in which everything matters, as after training."""
    keras.utils.set_random_seed(seed)
    return wake(kind(size, spec), seed)


def unit_network(spec: StreamSpec) -> OnlineNetwork:
    """An online network with constant masks, 1 for the vocals and 0.5 for the accompaniment.

    What goes in comes out of it, late by the algorithmic latency.
    """
    return _Constant("tiny", spec)


class _Constant(OrUnet):
    def masks(self, frames, recur):
        # A mask must depend on its inputs to be a graph, but not on their values.
        masks = super().masks(frames, recur)
        return [mask * 0.0 + value for mask, value in zip(masks, (1.0, 0.5), strict=True)]


def every_bin(kind: type[OrUnet] = BinMemoryUnet, spec: StreamSpec = SMALL_SPEC) -> OrUnet:
    """A tiny network of the first release's kind: as many positions as bins."""
    return kind(dataclasses.replace(kind.SIZES["tiny"], bands=EVERY_BIN), spec)


def masks_of(network: keras.Model, x, training: bool = False) -> dict[str, np.ndarray]:
    """Masks by name, by a plain call: `predict` compiles each new model first, which takes longer than a few frames."""
    return {name: keras.ops.convert_to_numpy(mask) for name, mask in network(x, training=training).items()}


def vocals_mask(network: keras.Model, x, training: bool = False) -> np.ndarray:
    """The one of `masks_of` that most tests look at."""
    return masks_of(network, x, training)["vocals_mask"]


def zero_states(network: OnlineNetwork, batch: int = 1) -> list[np.ndarray]:
    """What a step starts from."""
    return [np.zeros((batch, size), np.float32) for size in network.state_sizes]


def run_steps(network: OnlineNetwork, x: np.ndarray, carry: bool = True) -> np.ndarray:
    """The vocals' masks (B, T, F, C) of a network's step, frame by frame; without `carry` its states stay zero."""
    states, found = zero_states(network, len(x)), []
    for t in range(x.shape[1]):
        masks, new = network.step(keras.ops.convert_to_tensor(x[:, t]), states)
        found.append(keras.ops.convert_to_numpy(masks["vocals_mask"]))
        states = new if carry else states
    return np.stack(found, axis=1)


def run_chunks(network: OnlineNetwork, x: np.ndarray, cuts: tuple[int, ...], carry: bool = True) -> np.ndarray:
    """The vocals' masks of a network's chunks, cut at `cuts`; without `carry` its states stay zero."""
    states, found = zero_states(network, len(x)), []
    for part in np.split(x, cuts, axis=1):
        masks, new = network.chunk(keras.ops.convert_to_tensor(part), states)
        found.append(keras.ops.convert_to_numpy(masks["vocals_mask"]))
        states = new if carry else states
    return np.concatenate(found, axis=1)


def assert_steps_and_chunks_agree(network: OnlineNetwork, x: np.ndarray, cuts: tuple[int, ...] = (1, 12)) -> None:
    """Frames and chunks give the masks of the whole sequence within 1e-5, and would not without their states."""
    expected = vocals_mask(network, x)
    np.testing.assert_allclose(run_steps(network, x), expected, atol=1e-5)
    np.testing.assert_allclose(run_chunks(network, x, cuts), expected, atol=1e-5)
    # Negative controls: dropped states and a shifted frame are seen.
    assert np.abs(run_steps(network, x, carry=False) - expected).max() > 1e-3
    assert np.abs(run_chunks(network, x, cuts, carry=False) - expected).max() > 1e-3
    assert np.abs(run_steps(network, np.roll(x, 1, axis=1)) - expected).max() > 1e-3
