"""The plugin and its host, built once; without a compiler or their headers the tests of this folder are skipped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from plugin.checks import driver
from tests.support.paths import EXAMPLE


@pytest.fixture(scope="session")
def built(once) -> Path:
    """Folder of the bundle (lv2/keras_sep.lv2) and the host."""
    if absent := driver.missing():
        pytest.skip(f"missing to build the plugin: {', '.join(absent)}")
    return once("plugin", lambda folder: driver.build(folder, "all", "host"))


@pytest.fixture
def host(built, tmp_path) -> Callable[..., driver.Result]:
    """host(waveform, **settings) → driver.Result; see `driver.run`."""
    return lambda waveform, **settings: driver.run(built, waveform, tmp_path, **settings)


@pytest.fixture(scope="session")
def song() -> Callable[[int], np.ndarray]:
    """song(rate) → four seconds and a bit of the example song at that rate, and a second of silence."""

    def excerpt(rate: int) -> np.ndarray:
        samples, own_rate = soundfile.read(EXAMPLE / "mixture.flac", 4 * 44100 + 13, 10 * 44100, dtype="float32")
        return np.pad(driver.resampled(samples, own_rate, rate), ((0, rate), (0, 0)))

    return excerpt
