"""The numbers behind the figures, in dB."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Box:
    """The figures of a box plot, of the frames that have a value, in dB."""

    low: float  # 5th percentile
    quarter: float
    median: float
    three_quarters: float
    high: float  # 95th percentile
    mean: float
    frames: int


def box(values: Array) -> Box | None:
    """Computes the figures of a box plot; None if no frame has a value."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, quarter, median, three_quarters, high = np.percentile(values, [5, 25, 50, 75, 95])
    return Box(low, quarter, median, three_quarters, high, float(values.mean()), len(values))


def smooth(values: Array, window: int) -> Array:
    """Computes a centred running median over `window` frames, an odd number; NaN where most have no value.

    It is a median, because single frames of a nearly silent reference are tens of dB off.
    """
    half = window // 2
    padded = np.pad(values, half, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, window) if len(values) else np.zeros((0, window))
    return np.array([np.nanmedian(w) if 2 * np.isfinite(w).sum() >= len(w) else np.nan for w in windows], float)


def smoothing_window(frames: int) -> int:
    """Returns the window of `smooth` for a song, an odd number of frames: about a 20th of the song, at most 15."""
    return int(np.clip(frames // 20, 1, 15)) | 1


def stretches(active: tuple[bool, ...]) -> list[tuple[int, int]]:
    """Returns the start and the end (exclusive) of every run of True."""
    edges = np.flatnonzero(np.diff(np.array([False, *active, False], np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Returns about `count` round numbers from `low` to `high`."""
    span = max(high - low, 1e-9)
    step = next(s for s in (0.5, 1, 2, 5, 10, 20, 50, 100, 1000, 1e9) if span / s <= count)
    return [float(t) for t in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]


def time_ticks(seconds: int) -> list[int]:
    """Returns about six times from 0 to `seconds`, in whole s and in the steps of a clock, such as 15 s."""
    step = next((s for s in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800) if seconds / s <= 6), 3600)
    # A label, centred on its time, would not fit into the last seconds.
    return [t for t in range(0, seconds, step) if t < 0.97 * seconds]
