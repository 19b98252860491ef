"""Bands of the spectrum: narrow where voices are told apart, wide where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import keras
import numpy as np
from keras import layers, ops

# (share of the bins, bins of a band), from 0 Hz on. At 44.1 kHz and 1024 bins: 320 bands: 128 of 22 Hz up to
# 2.8 kHz, 128 of 43 Hz up to 8.3 kHz, 64 of 215 Hz. What any mask can reach falls by at most 0.07 dB (measured).
BANDS_320 = (("1/8", 1), ("1/4", 2), ("5/8", 10))
EVERY_BIN = (("1", 1),)


@keras.saving.register_keras_serializable("keras_sep")
class Bands(layers.Layer):
    """A layer that averages linear magnitudes into bands, and gives a band's mask to all of its bins.

    The last bin, half the sample rate, belongs to no band; it takes the mask of its neighbour. The lowest bins, which a
    DC offset fills, count as empty, and belong to the last source, the accompaniment: nobody sings there, and an
    offset would count as loudness.

    Args:
        num_bins: bins of the spectrum, F = P' + 1.
        plan: (share of the P' bins as a fraction, bins of a band) from 0 Hz on.
        dc_bins: lowest bins that count as empty, see `StreamSpec.dc_bins`; 0 for none.

    Call: magnitude (N, F, V) → (N, P, V). `to_bins`: a mask (N, P, C) for each source → the same as (N, F, C).

    Attributes:
        num_bands: P.

    Raises:
        ValueError: bins that cannot be shared out like this.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.models.layers.bands import BANDS_320, Bands
        >>> bands = Bands(1025, BANDS_320)
        >>> x = bands(np.ones((1, 1025, 2), "float32"))
        >>> vocals, accompaniment = bands.to_bins([x, 1 - x])
        >>> tuple(x.shape), tuple(vocals.shape)
        ((1, 320, 2), (1, 1025, 2))
    """

    def __init__(self, num_bins: int, plan: Sequence[tuple[str, int]] = BANDS_320, dc_bins: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_bins, self.plan = num_bins, tuple((str(share), int(width)) for share, width in plan)
        self.dc_bins = dc_bins
        self._parts: list[tuple[int, int]] = []  # (bands, bins of each)
        for share, width in self.plan:
            bands = Fraction(share) * (num_bins - 1) / width
            if bands.denominator != 1 or bands < 1:
                raise ValueError(
                    f"Bands: {share} of num_bins - 1 must be a multiple of {width}. Received: num_bins={num_bins}"
                )
            self._parts.append((int(bands), width))
        self.num_bands = sum(bands for bands, _ in self._parts)
        if sum(bands * width for bands, width in self._parts) != num_bins - 1:
            raise ValueError(f"Bands: expected shares that sum to 1. Received: {self.plan}")
        if not 0 <= dc_bins <= self._parts[0][0] * self._parts[0][1]:
            raise ValueError(f"Bands: expected dc_bins within the first share. Received: {dc_bins}")

    def edges(self) -> np.ndarray:
        """Returns the first bin of each band, and P' behind the last: P + 1 integers."""
        widths = np.concatenate([np.full(bands, width) for bands, width in self._parts])
        return np.concatenate([[0], np.cumsum(widths)])

    def call(self, magnitude):
        parts, first = [], 0
        for bands, width in self._parts:
            part = magnitude[:, first : first + bands * width]
            if self.dc_bins and not first:
                part = part * self._above_dc(part)
            if width > 1:
                part = ops.mean(ops.reshape(part, (-1, bands, width, part.shape[-1])), axis=2)
            parts.append(part)
            first += bands * width
        return ops.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]

    def to_bins(self, masks):
        """Spreads a mask (N, P, C) for each source to (N, F, C); the last source has all of the lowest bins."""
        return [*(self._to_bins(mask, 0.0) for mask in masks[:-1]), self._to_bins(masks[-1], 1.0)]

    def _to_bins(self, mask, dc_value):
        parts, first = [], 0
        for bands, width in self._parts:
            part = mask[:, first : first + bands]
            if width > 1:
                # A product with ones: unlike a repetition it has a kernel in every delegate.
                ones = ops.convert_to_tensor(np.ones((1, 1, width, part.shape[-1]), "float32"), part.dtype)
                part = ops.reshape(ops.expand_dims(part, 2) * ones, (-1, bands * width, part.shape[-1]))
            if self.dc_bins and not first:
                above = self._above_dc(part)
                part = part * above + dc_value * (1 - above) if dc_value else part * above
            parts.append(part)
            first += bands
        return ops.concatenate([*parts, mask[:, -1:]], axis=1)

    def _above_dc(self, part):
        """Returns a constant (1, bins, channels) for a part from 0 Hz on: 0 for the lowest bins, 1 above."""
        above = np.ones((1, *part.shape[1:]), "float32")
        above[:, : self.dc_bins] = 0
        return ops.convert_to_tensor(above, part.dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_bands, input_shape[2])

    def get_config(self):
        return {**super().get_config(), "num_bins": self.num_bins, "plan": self.plan, "dc_bins": self.dc_bins}
