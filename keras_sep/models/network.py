"""The base classes of the networks: a spec, a configuration, masks by name, and a step for those that are online."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import keras
from keras import ops

from keras_sep.models.recurrence import OneFrame, OverSequence
from keras_sep.presets import get_preset
from keras_sep.spec import StreamSpec


class MaskNetwork(keras.Model):
    """A network from the magnitudes of a mixture to one mask for each source.

    Args:
        size: a key of the class's `SIZES`, or a configuration of the class's own kind.
        spec: stream format; the default is 44.1 kHz stereo, 2048 / 512.

    Call: `magnitude` (B, T, F, V), linear, ≥ 0 → a dict of `<source>_mask` (B, T, F, C) in [0, 1].

    Attributes:
        masks_sum_to_one: whether they do in every bin, so that the stems add up to the mixture.

    Examples:
        >>> from keras_sep.models import MaskNetwork, Unet
        >>> network: MaskNetwork = Unet("tiny")
        >>> network.least_frames, sorted(network.SIZES)
        (8, ['l', 'm', 's', 'tiny'])
    """

    masks_sum_to_one = False
    SIZES: ClassVar[Mapping[str, Any]]
    least_frames = 1  # a segment has a multiple of these

    def __init__(self, size: Any = "m", spec: StreamSpec | Mapping[str, Any] | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.spec = spec if isinstance(spec, StreamSpec) else StreamSpec.from_dict(dict(spec)) if spec else StreamSpec()
        self.config = self._choose(size)
        self.make_layers()
        self.build()

    def make_layers(self) -> None:
        """Sets the layers of `config` and `spec` as attributes, whose names are those of the saved weights."""
        raise NotImplementedError

    @classmethod
    def _choose(cls, size: Any) -> Any:
        kind = type(next(iter(cls.SIZES.values())))
        if isinstance(size, Mapping):  # of a saved network
            return kind(**{name: _tuples(value) for name, value in size.items()})
        if type(size) is kind:  # one with more fields is another network's
            return size
        if not isinstance(size, str) or size not in cls.SIZES:
            raise ValueError(f"{cls.__name__}: size must be one of {', '.join(cls.SIZES)}. Received: size={size!r}")
        return cls.SIZES[size]

    def build(self, shape=None):
        """Makes the weights by a call on silence."""
        self.call(ops.zeros((1, self.least_frames, self.spec.num_bins, self.spec.num_views)))
        self.built = True

    @classmethod
    def from_preset(cls, preset: str | os.PathLike[str]) -> Any:
        """Loads a shipped network with its weights, or one from a .keras file.

        Args:
            preset: name of a preset that has a Keras network, or path of a .keras file.

        Returns:
            The network, to be called, trained further with `fit` inside a `keras_sep.separation.Separation`, or
            converted by `keras_sep.tflite.convert`.

        Raises:
            ModelFileError: an unknown preset, one without a Keras network, or one that is not in this installation.
            ValueError: a network of another class.

        Examples:
            >>> from keras_sep.models import BinMemoryUnet
            >>> network = BinMemoryUnet.from_preset("base")  # doctest: +SKIP
        """
        path = Path(preset)
        path = path if path.suffix == ".keras" else get_preset(os.fspath(preset)).network_path()
        network = load_network(path)
        if not isinstance(network, cls):
            found = f"{preset}, {type(network).__name__}"
            raise ValueError(f"{cls.__name__}: expected a network of this class. Received: {found}")
        return network

    def named(self, masks: Sequence[Any]) -> dict[str, Any]:
        """Returns the masks, one for each source, by the names `<source>_mask`."""
        return {f"{source}_mask": mask for source, mask in zip(self.spec.sources, masks, strict=True)}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": dataclasses.asdict(self.config), "spec": self.spec.to_dict()}


class OnlineNetwork(MaskNetwork):
    """A network that looks along time in its recurrent layers only.

    Its one forward pass, `masks`, serves training, which runs it over a sequence, and streams, which run it for one
    frame after the other; only `keras_sep.models.recurrence` differs.

    Attributes:
        state_sizes: size of each state of a step, in the order in which the pass meets the recurrent layers.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.models import OrUnet
        >>> network, song = OrUnet("tiny"), np.ones((1, 8, 1025, 2), "float32")
        >>> whole = network(song)["vocals_mask"]
        >>> states = [np.zeros((1, size), "float32") for size in network.state_sizes]
        >>> for t in range(8):
        ...     masks, states = network.step(song[:, t], states)
        >>> bool(np.allclose(masks["vocals_mask"], whole[:, -1], atol=1e-5))
        True
    """

    state_sizes: tuple[int, ...]

    def masks(self, frames, recur) -> Sequence[Any]:
        """Computes a mask (N, F, C) for each source from frames (N, F, V); `recur(layer, x)` runs a recurrent layer."""
        raise NotImplementedError

    def call(self, magnitude, training=None):
        return self.chunk(magnitude)[0]

    def chunk(self, magnitude, states: Sequence[Any] | None = None) -> tuple[dict[str, Any], list[Any]]:
        """Computes the masks of (B, T, F, V) by name, and the states after it, from `states` on (None: zeros)."""
        num_frames = ops.shape(magnitude)[1]
        recur = OverSequence(num_frames, states)
        masks = self.masks(ops.reshape(magnitude, (-1, *magnitude.shape[2:])), recur)
        unfolded = [ops.reshape(mask, (-1, num_frames, *mask.shape[1:])) for mask in masks]
        return self.named(unfolded), recur.new_states

    def step(self, magnitude, states: Sequence[Any]) -> tuple[dict[str, Any], list[Any]]:
        """Computes the masks of one frame (B, F, V) by name, and the new states.

        From zero states, frame after frame, it equals `call`. It is eq. (2) for one frame t: `states` are h_{t-1}, the
        new ones h_t. That they are explicit is our choice.

        Args:
            magnitude: linear, ≥ 0.
            states: (B, n) for each n of `state_sizes`.
        """
        recur = OneFrame(states)
        return self.named(self.masks(magnitude, recur)), recur.new_states

    def build(self, shape=None):
        frame = ops.zeros((1, 1, self.spec.num_bins, self.spec.num_views))
        self.state_sizes = tuple(state.shape[-1] for state in self.chunk(frame)[1])
        self.built = True


def load_network(path: str | os.PathLike[str]) -> MaskNetwork:
    """Loads a network from a .keras file, with its spec.

    Raises:
        ValueError: a file of something else.

    Examples:
        >>> from keras_sep.models import OrUnet, load_network
        >>> OrUnet("tiny").save("tiny.keras")
        >>> load_network("tiny.keras").spec.sample_rate
        44100
    """
    network = keras.models.load_model(path, compile=False)
    if not isinstance(network, MaskNetwork):
        raise ValueError(f"{path}: expected a network of keras_sep. Received: {type(network).__name__}")
    return network


def _tuples(value: Any) -> Any:
    """Turns JSON's lists back into tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value
