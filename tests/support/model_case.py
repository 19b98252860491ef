"""What every mask network has to do, whatever is inside: the checks that all architectures pass through.

Each takes a network of `SMALL_SPEC`, with weights as after training (`tests.support.networks.wake`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from keras_sep.models import MaskNetwork, OnlineNetwork, load_network
from keras_sep.separation import Separation
from keras_sep.spec import StreamSpec
from tests.support.networks import (
    SMALL_SPEC,
    assert_steps_and_chunks_agree,
    magnitude,
    masks_of,
    small_network,
    song,
    vocals_mask,
    zero_states,
)

FRAMES = 6  # of a sequence; a plain call runs recurrent layers in Python, frame by frame


@dataclass(frozen=True)
class Case:
    """A network, and what is known of it.

    Args:
        kind: its class, one of `keras_sep.models.ARCHITECTURES`.
        states: sizes of a step's states, in order; None for a network that is not online.
        falls_to: the share of the loss that is left after five steps of training, at most.
        config: its configuration; None for size "tiny".
        spec: its stream format.
    """

    kind: type[MaskNetwork]
    states: tuple[int, ...] | None
    falls_to: float = 0.6
    config: object = None
    spec: StreamSpec = SMALL_SPEC

    @property
    def frames(self) -> int:
        """As few as will do; the U-Net's patches are a multiple of 8."""
        return 8 if self.states is None else 4

    def network(self) -> MaskNetwork:
        return small_network(10, self.kind, self.spec, self.config or "tiny")

    def magnitude(self, frames: int | None = None, batch: int = 1) -> np.ndarray:
        return magnitude(frames or self.frames, self.spec, batch)


def check_masks(case: Case, network: MaskNetwork) -> None:
    """A mask in [0, 1] for each source, of a channel's shape each; none of them constant."""
    x = case.magnitude(batch=2)
    masks = masks_of(network, x)
    assert set(masks) == {"vocals_mask", "accompaniment_mask"}
    for mask in masks.values():
        assert mask.shape == (*x.shape[:3], case.spec.num_channels)
        assert mask.dtype == np.float32
        assert mask.min() >= 0
        assert mask.max() <= 1
        assert mask.std() > 1e-3
        # The highest bin takes its neighbour's mask, and is in no band.
        np.testing.assert_array_equal(mask[:, :, -1], mask[:, :, -2])
    assert np.abs(masks["vocals_mask"] - masks["accompaniment_mask"]).max() > 1e-2
    loud = x.copy()
    loud[:, :, -1] *= 100
    np.testing.assert_array_equal(vocals_mask(network, loud), masks["vocals_mask"])


def check_time(case: Case, network: MaskNetwork) -> None:
    """Masks depend on the past, and on the future if and only if the network is not online."""
    x, at = case.magnitude(), case.frames - 2
    changed = x.copy()
    changed[:, at] += 1.0
    difference = np.abs(vocals_mask(network, x) - vocals_mask(network, changed))
    assert difference[:, at + 1 :].max() > 1e-4
    if case.states is None:
        assert difference[:, :at].max() > 1e-4
    else:
        assert difference[:, :at].max() < 1e-6


def check_config(case: Case, network: MaskNetwork) -> None:
    """The network that its configuration describes has, with its weights, its masks."""
    x = case.magnitude()
    expected = vocals_mask(network, x)
    copy = type(network).from_config(network.get_config())
    assert (copy.spec, copy.config) == (network.spec, network.config)
    assert [weight.path for weight in copy.weights] == [weight.path for weight in network.weights]
    assert np.abs(vocals_mask(copy, x) - expected).max() > 1e-3  # negative control: other weights
    copy.set_weights(network.get_weights())
    np.testing.assert_allclose(vocals_mask(copy, x), expected, atol=1e-6)


def check_saving(case: Case, network: MaskNetwork, folder: Path) -> None:
    """A file gives the same network back, with its spec."""
    x = case.magnitude()
    network.save(folder / "network.keras")
    loaded = load_network(folder / "network.keras")
    assert (type(loaded), loaded.spec, loaded.config) == (type(network), network.spec, network.config)
    np.testing.assert_allclose(vocals_mask(loaded, x), vocals_mask(network, x), atol=1e-6)


def check_training(case: Case, network: MaskNetwork) -> None:
    """A step of training changes every weight that it may change; five lower the loss."""
    x, y = song(case.frames, spec=case.spec)
    model = Separation(network)
    model.compile(keras.optimizers.Adam(6e-2), run_eagerly=True)  # five steps take less than one compilation
    before = [weight.numpy() for weight in network.trainable_weights]
    losses = [float(model.train_on_batch(x, y, return_dict=True)["loss"])]
    for weight, old in zip(network.trainable_weights, before, strict=True):
        assert np.all(np.isfinite(weight.numpy())), weight.path
        assert np.abs(weight.numpy() - old).max() > 1e-4, weight.path
    losses += [float(model.train_on_batch(x, y, return_dict=True)["loss"]) for _ in range(4)]
    assert losses[-1] < case.falls_to * losses[0], losses


def check_states(case: Case, network: MaskNetwork) -> None:
    """Steps and chunks take the states that the case says, and give them back; what is not online has none."""
    assert isinstance(network, OnlineNetwork) == (case.states is not None)
    if not isinstance(network, OnlineNetwork):
        assert not hasattr(network, "step")
        return
    assert network.state_sizes == case.states
    x, states = keras.ops.convert_to_tensor(case.magnitude(2, batch=3)), zero_states(network, batch=3)
    for masks, new in (network.step(x[:, 0], states), network.chunk(x, states), network.chunk(x)):
        assert list(masks) == ["vocals_mask", "accompaniment_mask"]
        assert [tuple(state.shape) for state in new] == [(3, size) for size in network.state_sizes]


def check_streaming(case: Case, network: OnlineNetwork) -> None:
    """Frame by frame and chunk by chunk, with explicit states, are the whole sequence."""
    assert_steps_and_chunks_agree(network, case.magnitude(FRAMES), cuts=(1, 4))
