"""Separation of whole songs by Keras networks: for scores during research, and for networks that are not online.

Users of the shipped models want `keras_sep.separator`, which needs no Keras. Here an online network runs
in chunks with its states carried over, the same as one long sequence; a network of patches (the 2-D
U-Net) in overlapping patches whose masks fade into each other. Activations stay small; the spectrum of
the song is held whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
import numpy as np
import numpy.typing as npt

from keras_sep.models import MaskNetwork, OnlineNetwork
from keras_sep.signal import OverlapAdd, StreamingStft, magnitude_views

Array = npt.NDArray[np.float32]
Masks = dict[str, Array]
_CHUNK = 256  # frames; of a patch network, a patch is twice as long and overlaps the next by a half of this


def separate(network: MaskNetwork, waveform: npt.ArrayLike) -> dict[str, Array]:
    """Separates a song.

    Args:
        network: any of `keras_sep.models`.
        waveform: (samples, channels) at `network.spec.sample_rate`.

    Returns:
        One (samples, channels) array per source, aligned to the waveform.

    Raises:
        ValueError: a waveform of another shape.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.inference import separate
        >>> from keras_sep.models import OrUnet
        >>> stems = separate(OrUnet("tiny"), np.zeros((44100, 2)))
        >>> stems["vocals"].shape
        (44100, 2)
    """
    spec = network.spec
    x = np.asarray(waveform, np.float32)
    if x.ndim != 2 or x.shape[1] != spec.num_channels:
        raise ValueError(f"separate: waveform must be (samples, {spec.num_channels}). Received: shape {x.shape}")
    late, step = spec.stem_delay, spec.frame_step
    padded = np.concatenate([x, np.zeros((-len(x) % step + late, x.shape[1]), np.float32)])
    stft, overlap_adds = StreamingStft(spec), {source: OverlapAdd(spec) for source in spec.sources}
    spectrum = stft.push(padded)
    parts: dict[str, list[Array]] = {source: [] for source in spec.sources}
    done = 0
    for masks in iterate_masks(network, lambda a, b: magnitude_views(spectrum[a:b], spec), len(spectrum)):
        frames = spectrum[done : done + len(masks[f"{spec.sources[0]}_mask"])]
        for source, overlap_add in overlap_adds.items():
            parts[source].append(overlap_add.push(masks[f"{source}_mask"] * frames))  # eq. (1)
        done += len(frames)
    return {source: np.concatenate(blocks)[late : late + len(x)] for source, blocks in parts.items()}


def iterate_masks(
    network: MaskNetwork, magnitude: Callable[[int, int], Array], num_frames: int, chunk: int = _CHUNK
) -> Iterator[Masks]:
    """Yields the masks of consecutive stretches of a song, from its first frame to its last.

    Args:
        network: any of `keras_sep.models`.
        magnitude: function from (first, last + 1) to those frames (T, F, V).
        num_frames: length of the song.
        chunk: frames at a time; half a patch where the network is not online.

    Yields:
        `<source>_mask` (T, F, C) of the next T frames.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.inference import iterate_masks
        >>> from keras_sep.models import OrUnet
        >>> song = np.zeros((40, 1025, 2), "float32")
        >>> masks = iterate_masks(OrUnet("tiny"), lambda first, stop: song[first:stop], len(song), chunk=16)
        >>> [len(mask["vocals_mask"]) for mask in masks]
        [16, 16, 8]
    """
    if isinstance(network, OnlineNetwork):
        return _online(network, magnitude, num_frames, chunk)
    return _by_patches(network, magnitude, num_frames, chunk)


class MaskStream:
    """An online network that takes a stream one stretch after the other.

    Args:
        network: any online one of `keras_sep.models`.

    Attributes:
        states: states after the last frame so far, (1, n) each; zeros at first.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.inference import MaskStream
        >>> from keras_sep.models import OrUnet
        >>> stream = MaskStream(OrUnet("tiny"))
        >>> masks = stream.push(np.ones((16, 1025, 2), "float32"))
        >>> masks["vocals_mask"].shape, stream.states[0].shape
        ((16, 1025, 2), (1, 12))
    """

    def __init__(self, network: OnlineNetwork):
        self._model = Chunk(network)
        self.states: list[Array] = [np.zeros((1, size), np.float32) for size in network.state_sizes]

    def push(self, magnitude: Array) -> Masks:
        """Returns each `<source>_mask` (T, F, C) of the next frames (T, F, V); a new T compiles anew."""
        masks, states = self._model.predict_on_batch([magnitude[None], *self.states])
        self.states = [np.asarray(state) for state in states]
        return {name: np.asarray(mask[0]) for name, mask in masks.items()}


class Chunk(keras.Model):
    """A compiled function from a chunk and the states before it to its masks and the states after it.

    Args:
        network: any online one of `keras_sep.models`.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.inference import Chunk
        >>> from keras_sep.models import OrUnet
        >>> inputs = [np.ones((1, 16, 1025, 2), "float32"), np.zeros((1, 12), "float32")]
        >>> masks, states = Chunk(OrUnet("tiny")).predict_on_batch(inputs)
        >>> masks["vocals_mask"].shape, states[0].shape
        ((1, 16, 1025, 2), (1, 12))
    """

    def __init__(self, network: OnlineNetwork):
        super().__init__()
        self.network = network

    def call(self, inputs):
        magnitude, *states = inputs
        return self.network.chunk(magnitude, states)


def _online(
    network: OnlineNetwork, magnitude: Callable[[int, int], Array], num_frames: int, chunk: int
) -> Iterator[Masks]:
    stream = MaskStream(network)
    for start in range(0, num_frames, chunk):
        x = magnitude(start, min(start + chunk, num_frames))
        count = len(x)
        # One shape for all chunks. What follows the last frame changes nothing.
        masks = stream.push(np.pad(x, ((0, chunk - count), (0, 0), (0, 0))))
        yield {name: mask[:count] for name, mask in masks.items()}


def _by_patches(
    network: MaskNetwork, magnitude: Callable[[int, int], Array], num_frames: int, chunk: int
) -> Iterator[Masks]:
    """Yields masks of patches of 2 · chunk frames, 1.5 · chunk apart; in the overlap one fades into the next."""
    size, overlap = 2 * chunk, chunk // 2
    fade = ((np.arange(overlap) + 0.5) / overlap).astype(np.float32)[:, None, None]
    tail: Masks = {}
    start = 0
    while True:
        x = magnitude(start, min(start + size, num_frames))
        count = len(x)
        x = np.pad(x, ((0, size - count), (0, 0), (0, 0)))
        masks = {name: np.array(mask[0, :count]) for name, mask in network.predict_on_batch(x[None]).items()}
        for name, old in tail.items():
            masks[name][:overlap] = fade * masks[name][:overlap] + (1 - fade) * old
        if start + size >= num_frames:
            yield masks
            return
        tail = {name: mask[-overlap:] for name, mask in masks.items()}
        yield {name: mask[:-overlap] for name, mask in masks.items()}
        start += size - overlap
