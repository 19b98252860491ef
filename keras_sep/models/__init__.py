"""Mask networks, one architecture a file.

Every architecture takes `magnitude` (B, T, F, C) and gives one `<source>_mask` a source, so that the
losses, `Separation`, the training and the export work for all of them.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import keras

from keras_sep.models.framewise import FoldFrames, UnfoldFrames, build_sequence_model
from keras_sep.models.lstm import LstmConfig, build_lstm
from keras_sep.models.or_unet import OrUnetConfig, build_or_unet
from keras_sep.models.polyphase import PolyphaseConv1D
from keras_sep.models.unet import UnetConfig, build_unet
from keras_sep.spec import StreamSpec

MEMORIES = (2,)  # levels of 256 bins, 86 Hz each
MEMORY_UNITS = 72

ARCHITECTURES: dict[str, Callable[..., keras.Model]] = {
    "or_unet": build_or_unet,
    "or_unet_levelled": functools.partial(build_or_unet, levelled=True),
    "or_unet_recurrent_skips": functools.partial(build_or_unet, levelled=True, recurrent_skips=MEMORIES),
    "or_unet_sum_to_one": functools.partial(build_or_unet, levelled=True, recurrent_skips=MEMORIES, sum_to_one=True),
    "or_unet_memories": functools.partial(
        build_or_unet,
        levelled=True,
        recurrent_skips=MEMORIES,
        decoder_memories=MEMORIES,
        memory_units=MEMORY_UNITS,
        sum_to_one=True,
    ),
    "unet": build_unet,
    "lstm": build_lstm,
}

__all__ = [
    "ARCHITECTURES",
    "FoldFrames",
    "LstmConfig",
    "OrUnetConfig",
    "PolyphaseConv1D",
    "UnetConfig",
    "UnfoldFrames",
    "build_lstm",
    "build_network",
    "build_or_unet",
    "build_sequence_model",
    "build_unet",
    "load_network",
    "rebuild_network",
]


def build_network(architecture: str, size: str = "m", spec: StreamSpec | None = None, **kwargs: Any) -> keras.Model:
    """Builds one of `ARCHITECTURES` by name; `size` and the rest as its builder takes them."""
    if architecture not in ARCHITECTURES:
        raise ValueError(
            f"architecture must be one of {', '.join(ARCHITECTURES)}. Received: architecture={architecture!r}"
        )
    return ARCHITECTURES[architecture](size, spec, **kwargs)


def rebuild_network(
    path: str | os.PathLike[str], architecture: str, size: str = "m", spec: StreamSpec | None = None
) -> keras.Model:
    """The network of a .keras file, built anew with its weights: in float32, whatever precision it was trained in."""
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy("float32")
    try:
        network = build_network(architecture, size, spec)
    finally:
        keras.mixed_precision.set_global_policy(policy)
    network.set_weights(load_network(path).get_weights())
    return network


def load_network(path: str | os.PathLike[str]) -> keras.Model:
    """Loads a mask network from a .keras file; our layers are registered by now."""
    return keras.models.load_model(path, compile=False)
