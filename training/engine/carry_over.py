"""The weights of a network that sees the spectrum in other bands and views, carried over to a new network.

Convolutions along frequency and memories of single positions are the same everywhere, so they fit any bands. The GRU of
the bottleneck tells positions apart: its weights for a new position are the sum of those for the old positions that lie
there, and what it expands to is their mean. New views count nothing at first. The new network does not compute the
same, but on songs nearly so: training goes on where the old one ended (docs/research/optimisation.md).
"""

from __future__ import annotations

import dataclasses

import keras
import numpy as np

from keras_sep.models import BinMemoryUnet
from keras_sep.models.layers.bands import EVERY_BIN, Bands

# Songs' mean compressed magnitude in 320 bands and four views is larger by this than in all bins of two views (1.5 to
# 1.7), because most bands are low. A network that divides by the loudness sees everything smaller by as much.
LOUDNESS_RATIO = 1.6


def carry_over(old: BinMemoryUnet, new: BinMemoryUnet) -> None:
    """Sets the weights of `new` from those of `old`, whose sizes it must have, but for bands and views.

    Args:
        old: a trained network.
        new: changed in place; its views begin with those of `old`.

    Raises:
        ValueError: the networks differ in other sizes or in their channels.
    """
    views, old_views = new.spec.views or (), old.spec.views or ()
    expected = dataclasses.replace(new.config, bands=old.config.bands, skip_dc=old.config.skip_dc)
    if old.config != expected or views[: len(old_views)] != old_views:
        raise ValueError(
            f"init: expected sizes {expected}, and the first of the views {', '.join(views)}. "
            f"Received: {old.config}, {', '.join(old_views)}"
        )
    ratio = LOUDNESS_RATIO if old.config.bands == EVERY_BIN != new.config.bands else 1.0
    shares = overlaps(old.bands, new.bands, len(new.down))
    means = shares / shares.sum(axis=1, keepdims=True)
    more_views = ((0, 0), (0, len(views) - len(old_views)), (0, 0))
    before = {_name(weight): weight.numpy() for weight in old.weights}
    weights = []
    for weight in new.weights:
        name = _name(weight)
        value = before[name]
        if name == "down_1/conv/kernel":
            value = np.pad(ratio * value, more_views)
        elif name == "mask/kernel":  # its input is the decoder's output, then the views
            value = np.pad(value, more_views)
            value[:, -len(views) :] *= ratio
        elif name == "gru/gru_cell/kernel":
            rows = value.reshape(shares.shape[1], -1, value.shape[-1])
            value = np.einsum("po,ocu->pcu", shares, rows).reshape(weight.shape)
        elif name.startswith("expand/"):
            columns = value.reshape(-1, shares.shape[1], new.config.expand_channels)
            value = np.einsum("po,uoc->upc", means, columns).reshape(weight.shape)
        weights.append(value)
    new.set_weights(weights)


def overlaps(old: Bands, new: Bands, depth: int) -> np.ndarray:
    """Returns the share of each old position (a column) that lies in each new one (a row), after `depth` halvings."""
    low, high, old_low, old_high = (
        edges for bands in (new, old) for edges in (bands.edges()[:: 2**depth][:-1], bands.edges()[:: 2**depth][1:])
    )
    inside = np.minimum(high[:, None], old_high) - np.maximum(low[:, None], old_low)
    return np.maximum(inside, 0) / (old_high - old_low)


def _name(weight: keras.Variable) -> str:
    return weight.path.partition("/")[2]  # without that of the network
