"""Shared fixtures: a model that is known by heart, and something to separate."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test draws the same initial weights, whatever ran before it."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(10)


@pytest.fixture(scope="session")
def unit_model() -> Callable[[str], Path]:
    """Path of the model whose vocals mask is 1 and whose accompaniment mask is 1/2, as "mask" or "waveform" graph."""
    return lambda graph="mask": GOLDEN / f"unit-{graph}-float32.tflite"


@pytest.fixture(scope="session")
def music() -> Callable[..., np.ndarray]:
    """music(seconds, sample_rate, num_channels) → (samples, channels), float32, different in every channel.

    Chords that change and a gliding voice, all below 3 kHz, so that every sample rate can hold them; it
    never repeats, so that a shift of a single sample shows.
    """

    def make(seconds: float = 1.0, sample_rate: int = 44100, num_channels: int = 2) -> np.ndarray:
        t = np.arange(round(seconds * sample_rate)) / sample_rate
        voice = np.cumsum(300 + 120 * np.sin(2 * np.pi * 1.3 * t) + 90 * t) / sample_rate
        x = np.stack([sum(np.sin(2 * np.pi * k * voice + c) / k for k in (1, 2, 3)) for c in range(num_channels)], 1)
        for c in range(num_channels):
            root = 110 * 2 ** (np.floor(3 * t) / 12) * (1 + c / 4)
            x[:, c] += np.sin(2 * np.pi * root * t) * np.sin(np.pi * 3 * t) ** 2
        return (0.2 * x).astype(np.float32)

    return make
