"""What every mask network has to do, whatever is inside: the checks that all architectures pass through.

Each takes a network of `SMALL_SPEC`, with weights as after training (`tests.support.networks.wake`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_sep.models import load_network
from keras_sep.separation import Separation
from keras_sep.streaming import build_chunk, build_step, is_online, reset_state
from tests.support.networks import (
    SMALL_SPEC,
    assert_steps_and_chunks_agree,
    magnitude,
    masks_of,
    song,
    vocals_mask,
    wake,
)

FRAMES = 6  # of a sequence; a plain call runs recurrent layers in Python, frame by frame


@dataclass(frozen=True)
class Case:
    """A network, and what is known of it.

    Args:
        build: as in `keras_sep.models.ARCHITECTURES`.
        states: sizes of a step's states, in order; None for a network that is not online.
        copies_nyquist: whether the highest bin takes its neighbour's mask.
        falls_to: what five steps of training leave of the loss, at most.
    """

    build: Callable[..., keras.Model]
    states: tuple[int, ...] | None
    copies_nyquist: bool = True
    falls_to: float = 0.6

    @property
    def frames(self) -> int:
        """As few as will do; the U-Net's patches are a multiple of 8."""
        return 8 if self.states is None else 4

    def network(self) -> keras.Model:
        keras.utils.set_random_seed(10)
        return wake(self.build("tiny", SMALL_SPEC))


def check_masks(case: Case, network: keras.Model) -> None:
    """A mask in [0, 1] of the magnitude's shape for each source; none of them constant."""
    x = magnitude(case.frames, batch=2)
    masks = masks_of(network, x)
    assert set(masks) == {"vocals_mask", "accompaniment_mask"}
    for mask in masks.values():
        assert mask.shape == x.shape
        assert mask.dtype == np.float32
        assert mask.min() >= 0
        assert mask.max() <= 1
        assert mask.std() > 1e-3
        assert np.array_equal(mask[:, :, -1], mask[:, :, -2]) == case.copies_nyquist
    assert np.abs(masks["vocals_mask"] - masks["accompaniment_mask"]).max() > 1e-2


def check_time(case: Case, network: keras.Model) -> None:
    """Masks depend on the past, and on the future if and only if the network is not online."""
    x, at = magnitude(case.frames), case.frames - 2
    changed = x.copy()
    changed[:, at] += 1.0
    difference = np.abs(vocals_mask(network, x) - vocals_mask(network, changed))
    assert difference[:, at + 1 :].max() > 1e-4
    if case.states is None:
        assert difference[:, :at].max() > 1e-4
    else:
        assert difference[:, :at].max() < 1e-6


def check_config(case: Case, network: keras.Model) -> None:
    """The network that its configuration describes has, with its weights, its masks."""
    x = magnitude(case.frames)
    expected = vocals_mask(network, x)
    copy = type(network).from_config(network.get_config())
    assert [weight.path for weight in copy.weights] == [weight.path for weight in network.weights]
    assert np.abs(vocals_mask(copy, x) - expected).max() > 1e-3  # negative control: other weights
    copy.set_weights(network.get_weights())
    np.testing.assert_allclose(vocals_mask(copy, x), expected, atol=1e-6)


def check_saving(case: Case, network: keras.Model, folder: Path) -> None:
    """A file gives the same network back."""
    x = magnitude(case.frames)
    network.save(folder / "network.keras")
    loaded = load_network(folder / "network.keras")
    np.testing.assert_allclose(vocals_mask(loaded, x), vocals_mask(network, x), atol=1e-6)


def check_training(case: Case, network: keras.Model) -> None:
    """A step of training changes every weight that it may change; five lower the loss."""
    x, y = song(case.frames)
    model = Separation(network)
    model.compile(keras.optimizers.Adam(6e-2), run_eagerly=True)  # five steps take less than one compilation
    before = [weight.numpy() for weight in network.trainable_weights]
    losses = [float(model.train_on_batch(x, y, return_dict=True)["loss"])]
    for weight, old in zip(network.trainable_weights, before, strict=True):
        assert np.all(np.isfinite(weight.numpy())), weight.path
        assert np.abs(weight.numpy() - old).max() > 1e-4, weight.path
    losses += [float(model.train_on_batch(x, y, return_dict=True)["loss"]) for _ in range(4)]
    assert losses[-1] < case.falls_to * losses[0], losses


def check_states(case: Case, network: keras.Model) -> None:
    """Steps and chunks take the states that the case says, and give them back; what is not online has none."""
    assert is_online(network) == (case.states is not None)
    if case.states is None:
        for build in (build_step, build_chunk):
            with pytest.raises(ValueError, match=f"expected an online model.*{network.name!r}"):
                build(network)
        return
    for built in (build_step(network, batch_size=2), build_chunk(network, batch_size=2)):
        shapes = {tensor.name: tensor.shape for tensor in built.inputs if tensor.name.startswith("state")}
        assert shapes == {f"state_{i}": (2, size) for i, size in enumerate(case.states)}
        assert {name: built.output[f"new_{name}"].shape for name in shapes} == shapes


def check_streaming(network: keras.Model) -> None:
    """Frame by frame and chunk by chunk, with explicit states, are the whole sequence."""
    assert_steps_and_chunks_agree(network, magnitude(FRAMES), cuts=(1, 4))


def check_stateful(case: Case, network: keras.Model) -> None:
    """Chunks through layers that keep their states are the whole sequence, until they are reset."""
    stateful, x = case.build("tiny", SMALL_SPEC, stateful=True, batch_size=1), magnitude(FRAMES)
    stateful.set_weights(network.get_weights())
    expected = vocals_mask(network, x)

    def parts() -> np.ndarray:
        return np.concatenate([vocals_mask(stateful, part) for part in np.split(x, [4], axis=1)], axis=1)

    np.testing.assert_allclose(parts(), expected, atol=1e-5)
    assert np.abs(parts() - expected).max() > 1e-3  # without a reset the past song is remembered
    reset_state(stateful)
    np.testing.assert_allclose(parts(), expected, atol=1e-5)
