"""Numbers behind the figures; dB in and out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Box:
    """What a box plot draws of the frames that have a value."""

    low: float  # 5th percentile
    quarter: float
    median: float
    three_quarters: float
    high: float  # 95th percentile
    mean: float
    frames: int


def box(values: Array) -> Box | None:
    """None where no frame has a value."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, quarter, median, three_quarters, high = np.percentile(values, [5, 25, 50, 75, 95])
    return Box(low, quarter, median, three_quarters, high, float(values.mean()), len(values))


def smooth(values: Array, window: int) -> Array:
    """Centred running median over `window` frames (odd) of those that have a value; NaN where most have none.

    A median, because single frames of a nearly silent reference lie tens of dB away.
    """
    half = window // 2
    padded = np.pad(values, half, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, window) if len(values) else np.zeros((0, window))
    return np.array([np.nanmedian(w) if 2 * np.isfinite(w).sum() >= len(w) else np.nan for w in windows], float)


def smoothing_window(frames: int) -> int:
    """Frames, odd: about a 20th of the song, at most 15."""
    return int(np.clip(frames // 20, 1, 15)) | 1


def stretches(active: tuple[bool, ...]) -> list[tuple[int, int]]:
    """Start and end of every run of True."""
    edges = np.flatnonzero(np.diff(np.array([False, *active, False], np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Round numbers from `low` to `high`, about `count` of them."""
    span = max(high - low, 1e-9)
    step = next(s for s in (0.5, 1, 2, 5, 10, 20, 50, 100, 1000, 1e9) if span / s <= count)
    return [float(t) for t in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]


def time_ticks(seconds: int, count: int = 6) -> list[int]:
    """Whole seconds from 0, about `count`, at the steps of a clock."""
    step = next((s for s in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800) if seconds / s <= count), 3600)
    # A label in the middle of the last seconds would not fit.
    return [t for t in range(0, seconds, step) if t < 0.97 * seconds]
