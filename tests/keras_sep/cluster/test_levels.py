"""Levels of stems."""

from __future__ import annotations

import numpy as np
import pytest

from keras_sep.cluster.levels import Levels


def test_levels_of_blocks_are_those_of_the_whole():
    x = np.random.default_rng(0).uniform(-1.5, 1.5, (1000, 2)).astype(np.float32)
    levels = Levels()
    for block in np.split(x, [1, 300, 300]):
        levels.add(block)
    facts = levels.facts(clips=True)
    assert levels.num_samples == 1000
    assert facts["peak_db"] == pytest.approx(20 * np.log10(np.abs(x).max()), abs=0.06)
    assert facts["rms_db"] == pytest.approx(10 * np.log10(np.square(x).mean()), abs=0.06)
    assert facts["clipped"] == np.count_nonzero(np.abs(x) > 1)
    assert levels.facts(clips=False)["clipped"] == 0


def test_silence():
    levels = Levels()
    levels.add(np.zeros((10, 1), np.float32))
    assert levels.facts(clips=True) == {"peak_db": -200.0, "rms_db": -200.0, "clipped": 0}
