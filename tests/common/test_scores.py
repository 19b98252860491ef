from __future__ import annotations

import museval
import numpy as np
import pytest

from common.scores import active_frames, median_sdr, sdr_frames, snr_db

RATE = 8000


@pytest.fixture
def stems():
    rng = np.random.default_rng(3)
    references = rng.standard_normal((2, 4 * RATE + 100, 2))
    estimates = references + 0.3 * references[::-1] + 0.1 * rng.standard_normal(references.shape)
    references[0, RATE : 2 * RATE] = 0
    return references, estimates


def test_sdr_is_musevals(stems):
    references, estimates = stems
    expected = museval.evaluate(references, estimates, win=RATE, hop=RATE, mode="v4")[0]
    found = sdr_frames(references, estimates, RATE)
    assert np.isnan(found[:, 1]).all()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(sdr_frames(references, estimates[::-1], RATE) - expected)[0, 0] > 1  # swapped stems are seen


def test_median_over_seconds_with_voice(stems):
    references, estimates = stems
    frames = sdr_frames(references, estimates, RATE)
    active = active_frames(references[0], RATE)
    np.testing.assert_array_equal(active, [True, False, True, True])
    np.testing.assert_allclose(median_sdr(references, estimates, RATE, active), np.median(frames[:, [0, 2, 3]], axis=1))
    assert np.isnan(median_sdr(references, estimates, RATE, ~active)).all()


def test_active_is_within_40_db_of_the_loudest_second():
    gains = 10 ** (np.array([0.0, -39.9, -40.1, -300.0]) / 20)
    waveform = np.repeat(gains, RATE)[:, None] * np.ones((1, 2))
    np.testing.assert_array_equal(active_frames(waveform, RATE), [True, True, False, False])


def test_snr():
    assert snr_db(np.ones((10, 2)), np.full((10, 2), 1.01)) == pytest.approx(40)
    assert np.isnan(snr_db(np.ones(3), np.array([1, np.nan, 1])))
