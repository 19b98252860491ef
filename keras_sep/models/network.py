"""What every mask network has in common: a spec, a configuration, masks by name, and a step if it is online."""

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
    """From the magnitude of a mixture to one mask for each source.

    Args:
        size: a key of the class's `SIZES`, or a configuration of its own.
        spec: stream format; the default is 44.1 kHz stereo, 2048 / 512.

    Call: `magnitude` (B, T, F, V), linear, ≥ 0 → a dict of `<source>_mask` (B, T, F, C) in [0, 1].

    Attributes:
        masks_sum_to_one: whether they do in every bin, so that the stems add up to the mixture.
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
        """Makes the weights, by a look at silence."""
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

        Example:

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
        """One mask for each source → the same as `<source>_mask`."""
        return {f"{source}_mask": mask for source, mask in zip(self.spec.sources, masks, strict=True)}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": dataclasses.asdict(self.config), "spec": self.spec.to_dict()}


class OnlineNetwork(MaskNetwork):
    """A network that looks along time in its recurrent layers only.

    A class of this kind has one forward pass, `masks`, which training runs over a sequence and a stream for one
    frame after the other; `keras_sep.models.recurrence` is what differs.

    Attributes:
        state_sizes: numbers in each state of a step, in the order in which the pass meets the recurrent layers.
    """

    state_sizes: tuple[int, ...]

    def masks(self, frames, recur) -> Sequence[Any]:
        """A mask (N, F, C) for each source, of frames (N, F, V); `recur(layer, x)` runs a recurrent layer."""
        raise NotImplementedError

    def call(self, magnitude, training=None):
        return self.chunk(magnitude)[0]

    def chunk(self, magnitude, states: Sequence[Any] | None = None) -> tuple[dict[str, Any], list[Any]]:
        """Masks of (B, T, F, V) by name, from `states` on (None: zeros), and the states behind its last frame."""
        num_frames = ops.shape(magnitude)[1]
        recur = OverSequence(num_frames, states)
        masks = self.masks(ops.reshape(magnitude, (-1, *magnitude.shape[2:])), recur)
        unfolded = [ops.reshape(mask, (-1, num_frames, *mask.shape[1:])) for mask in masks]
        return self.named(unfolded), recur.new_states

    def step(self, magnitude, states: Sequence[Any]) -> tuple[dict[str, Any], list[Any]]:
        """Masks of one frame (B, F, V) by name, and the new states; from zeros, frame by frame, it is `call`.

        Args:
            magnitude: linear, ≥ 0.
            states: (B, n) for each n of `state_sizes`.

        Eq. (2) for one frame t: `states` are h_{t-1}, the new ones h_t. That they are explicit is our choice.
        """
        recur = OneFrame(states)
        return self.named(self.masks(magnitude, recur)), recur.new_states

    def build(self, shape=None):
        frame = ops.zeros((1, 1, self.spec.num_bins, self.spec.num_views))
        self.state_sizes = tuple(state.shape[-1] for state in self.chunk(frame)[1])
        self.built = True


def load_network(path: str | os.PathLike[str]) -> MaskNetwork:
    """Loads a network from a .keras file, with its spec; ValueError for a file of something else."""
    network = keras.models.load_model(path, compile=False)
    if not isinstance(network, MaskNetwork):
        raise ValueError(f"{path}: expected a network of keras_sep. Received: {type(network).__name__}")
    return network


def _tuples(value: Any) -> Any:
    """JSON's lists as the tuples that they were."""
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value
