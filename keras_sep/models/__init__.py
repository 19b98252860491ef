"""Mask networks, one architecture per file; their layers are in `keras_sep.models.layers`.

Every architecture takes `magnitude` (B, T, F, V) and returns one `<source>_mask` per source, so that the losses,
`keras_sep.separation`, training and export work for all of them.
"""

from __future__ import annotations

from typing import Any

from keras_sep.models.bin_memory_unet import BinMemoryUnet, BinMemoryUnetConfig
from keras_sep.models.lstm import Lstm, LstmConfig
from keras_sep.models.network import MaskNetwork, OnlineNetwork, load_network
from keras_sep.models.or_unet import OrUnet, OrUnetConfig
from keras_sep.models.unet import Unet, UnetConfig
from keras_sep.spec import StreamSpec

ARCHITECTURES: dict[str, type[MaskNetwork]] = {
    "or_unet": OrUnet,
    "bin_memory_unet": BinMemoryUnet,
    "unet": Unet,
    "lstm": Lstm,
}

__all__ = [
    "ARCHITECTURES",
    "BinMemoryUnet",
    "BinMemoryUnetConfig",
    "Lstm",
    "LstmConfig",
    "MaskNetwork",
    "OnlineNetwork",
    "OrUnet",
    "OrUnetConfig",
    "Unet",
    "UnetConfig",
    "build_network",
    "load_network",
]


def build_network(architecture: str, size: Any = "m", spec: StreamSpec | None = None) -> MaskNetwork:
    """Builds one of `ARCHITECTURES` by name.

    Args:
        architecture: "or_unet", "bin_memory_unet", "unet" or "lstm".
        size: "tiny", "s", "m" or "l", or a configuration of that architecture.
        spec: stream format; the default is 44.1 kHz stereo, 2048 / 512.

    Raises:
        ValueError: an unknown name or size.

    Examples:
        >>> from keras_sep.models import build_network
        >>> build_network("or_unet", "s").count_params()
        376100
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(
            f"architecture must be one of {', '.join(ARCHITECTURES)}. Received: architecture={architecture!r}"
        )
    return ARCHITECTURES[architecture](size, spec)
