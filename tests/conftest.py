"""The tiers of the tests, and fixtures that any of them may use.

`make test` runs what is not `slow`, and the one test of the whole job, `end_to_end`; `make test-all` runs everything.
What makes a test slow is its marker: it trains a run, starts a command, needs a browser …, see `SLOW`. Whatever else
takes more than a few seconds is marked `slow`, with its reason.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from tests.support.paths import GOLDEN
from tests.support.runs import write_data

# Each puts a test into the slow tier; what they mean is in pyproject.toml.
SLOW = ("trains", "whole_size", "command", "browser", "sound", "compiler")

if "PYTEST_XDIST_WORKER" in os.environ:  # a core for each worker, none of them for another one's threads
    for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(variable, "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Orders the tests, and marks as slow what one of `SLOW` makes slow; a bare `slow` has to say why."""
    # First what takes longest and is alone in its file: at the end, all but one worker would wait for it.
    items.sort(key=lambda item: item.get_closest_marker("end_to_end") is None)
    for item in items:
        for marker in item.iter_markers("slow"):
            if not (marker.args and isinstance(marker.args[0], str)):
                raise pytest.UsageError(f"{item.nodeid}: expected slow(reason). Received: no reason")
        for name in SLOW:
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.slow(name))


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test draws the same initial weights, whatever ran before it."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(10)


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[[str, Callable[[Path], None]], Path]:
    """once(name, make) → a folder that `make` fills, once for all workers of a session. Not to be written to."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def once(name: str, make: Callable[[Path], None]) -> Path:
        folder = root / f"once-{name}"
        with FileLock(root / f"once-{name}.lock"):
            if not folder.exists():
                partial = root / f"once-{name}.part"
                partial.mkdir()
                make(partial)
                partial.rename(folder)
        return folder

    return once


@pytest.fixture(scope="session")
def data(once) -> Path:
    """A small folder of stems at 8 kHz; see `tests.support.runs.write_data`. Not to be written to."""
    return once("data", write_data)


@pytest.fixture(scope="session")
def converted(once) -> Path:
    """A small network in every file there is; see `tests.support.conversion.convert_small`. Not to be written to."""

    def convert(folder: Path) -> None:
        from tests.support.conversion import convert_small  # it loads TensorFlow

        convert_small(folder)

    return once("converted", convert)


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
