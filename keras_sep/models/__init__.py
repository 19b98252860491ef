"""Mask networks, one architecture a file."""

from __future__ import annotations

import os

import keras

from keras_sep.models.framewise import FoldFrames, UnfoldFrames, build_sequence_model
from keras_sep.models.or_unet import OrUnetConfig, build_or_unet
from keras_sep.models.polyphase import PolyphaseConv1D

__all__ = [
    "FoldFrames",
    "OrUnetConfig",
    "PolyphaseConv1D",
    "UnfoldFrames",
    "build_or_unet",
    "build_sequence_model",
    "load_network",
]


def load_network(path: str | os.PathLike[str]) -> keras.Model:
    """Loads a mask network from a .keras file; our layers are registered by now."""
    return keras.models.load_model(path, compile=False)
