"""`python -m export migrate`: a network that the first release saved, converted to one of today's classes.

The first release built its networks as functional models, whose files name no class of ours. The weights of its
OR-U-Nets with bin memories (the architecture `or_unet_memories`) fit a `BinMemoryUnet` whose bands are single bins.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from export.conversion.float_network import describing, write_float_network
from keras_sep.models import BinMemoryUnet, BinMemoryUnetConfig
from keras_sep.models.layers.bands import EVERY_BIN
from keras_sep.spec import StreamSpec


def migrate_file(old: Path, new: Path) -> Path:
    """Converts a .keras file of the first release to one that `keras_sep.models.load_network` reads.

    Args:
        old: the file; its spec is in the same folder, in the `<name>.json` of convert or in presets.json.
        new: path to write to; may be `old`.

    Returns:
        `new`.

    Raises:
        ValueError: `old` does not exist, is not such a network, or has no spec in its folder.
    """
    about = describing(old)
    if "spec" not in about:
        raise ValueError(f"{old}: expected a preset in {old.with_name('presets.json')}. Received: none of its name")
    write_float_network(migrate(old, StreamSpec.from_dict(about["spec"])), new, {})
    return new


def migrate(path: Path, spec: StreamSpec) -> BinMemoryUnet:
    """Loads the network of a .keras file of the first release.

    Args:
        path: the file.
        spec: stream format that the network was trained for.

    Raises:
        ValueError: the file does not exist, or is not an `or_unet_memories` network of the first release.
    """
    try:
        with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
            groups = {f"layers/{name}": _arrays(group) for name, group in file["layers"].items()}
        memories = [groups["layers/recurrent_skip"], groups["layers/recurrent_skip_1"]]
        encoder, *decoder = (groups[f"layers/functional{suffix}"] for suffix in ("", "_1", "_2"))
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: expected an or_unet_memories network of the first release: {error}") from error
    down, up = _blocks(encoder), [block for part in decoder for block in _blocks(part)]
    *down, squeeze = down
    expand, mask = _vars(decoder[0], "layers/dense"), _vars(decoder[1], "layers/polyphase_conv1d")
    gru = _vars(groups["layers/gru"], "cell")
    units = len(gru[1])
    lowest = (spec.num_bins - 1) // 2 ** len(down)
    config = BinMemoryUnetConfig(
        encoder_channels=tuple(block[0].shape[-1] for block in down),
        decoder_channels=tuple(block[0].shape[-1] // 2 for block in up),
        squeeze_channels=squeeze[0].shape[-1],
        gru_units=units,
        expand_channels=len(expand[1]) // lowest,
        memory_units=len(_vars(memories[0], "gru/cell")[1]),
        bands=EVERY_BIN,
        skip_dc=False,
    )
    network = BinMemoryUnet(config, spec)
    for layer, values in zip([*network.down, network.squeeze], [*down, squeeze], strict=True):
        layer.set_weights(values)
    for layer, values in zip(network.up, up, strict=True):
        layer.set_weights(values)
    for memory, arrays in zip((network.skip_memory, network.decoder_memory), memories, strict=True):
        memory.gru.cell.set_weights(_vars(arrays, "gru/cell"))
        memory.dense.set_weights(_vars(arrays, "dense"))
    network.gru.cell.set_weights(gru)
    network.expand.set_weights(expand)
    network.mask.set_weights(mask)
    _without_nyquist(network)
    return network


def _without_nyquist(network: BinMemoryUnet) -> None:
    """Scales the weights for a loudness that no longer counts the Nyquist bin.

    The loudness of a frame is the mean over its bins. Without the Nyquist bin, which is silent in music, the mean is
    larger by the ratio of the numbers of bins, and the magnitudes that are divided by it are smaller. The kernels that
    see these magnitudes, of the first level and of the masks, grow by that ratio.
    """
    ratio = network.spec.num_bins / network.bands.num_bands
    first = network.down[0].conv.kernel
    first.assign(first * ratio)
    kernel, bias = network.mask.get_weights()
    grown = kernel[:, -network.spec.num_views :] * ratio  # the views come after the channels of the last level
    network.mask.set_weights([np.concatenate([kernel[:, : -network.spec.num_views], grown], axis=1), bias])


def _arrays(group: Any) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    group.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


def _vars(arrays: dict[str, np.ndarray], layer: str) -> list[np.ndarray]:
    """Returns the weights of a layer, in Keras's order."""
    return [arrays[name] for name in sorted(arrays) if name.startswith(f"{layer}/vars/")]


def _blocks(arrays: dict[str, np.ndarray]) -> list[list[np.ndarray]]:
    """Returns the kernel and the normalisation of each convolution, in order."""
    names = ["", *(f"_{i}" for i in range(1, 100))]
    return [
        [*_vars(arrays, f"layers/conv1d{name}"), *_vars(arrays, f"layers/batch_normalization{name}")]
        for name in names
        if f"layers/conv1d{name}/vars/0" in arrays
    ]
