from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.metrics import (
    PROTOCOLS,
    active_frames,
    bss_eval,
    bss_eval_window,
    most_active_excerpt,
    si_sdr,
)

RATE = 8000


def noise(seconds: float, seed: int, channels: int = 2) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((round(seconds * RATE), channels))


def test_v4_of_a_score_known_by_construction():
    vocals, accompaniment, error = noise(3, 0), noise(3, 1), noise(3, 2)
    noisy = vocals + error * 10 ** (-10 / 20)
    scores = bss_eval([vocals, accompaniment], [noisy, accompaniment + 0.01 * error], RATE)
    assert scores["SDR"].shape == (2, 3)
    np.testing.assert_allclose(scores["SDR"][0], 10.0, atol=0.3)
    assert si_sdr(vocals, 3 * noisy) == pytest.approx(10.0, abs=0.1)


def test_v3_windows_of_scores_known_by_construction():
    """Every 15 s another error: a window's SDR is that of its mean error energy, its SIR that of its leak."""
    vocals, accompaniment, error = (noise(80, seed, channels=1) for seed in range(3))
    noise_db, leak_db = (
        np.array([-30.0, -10.0, -20.0, -5.0, -40.0, -3.0]),
        np.array([-10.0, -20.0, -6.0, -30.0, -9.0, 0.0]),
    )
    block = np.minimum(np.arange(80 * RATE) // (15 * RATE), 5)[:, None]
    estimate = vocals + 10 ** (noise_db[block] / 20) * error + 10 ** (leak_db[block] / 20) * accompaniment
    scores = bss_eval([vocals, accompaniment], [estimate, accompaniment], RATE, "v3")
    # 80 s hold the windows 0–30, 15–45, 30–60 and 45–75; the rest is in none.
    assert scores["SDR"].shape == (2, 4)
    energy = 10 ** (noise_db / 10) + 10 ** (leak_db / 10)
    expected = [-10 * np.log10(energy[t : t + 2].mean()) for t in range(4)]
    np.testing.assert_allclose(scores["SDR"][0], expected, atol=0.05)
    # One filter a window: of a leak that changes within it the mean amplitude is interference, the rest artifact.
    amplitude = 10 ** (leak_db / 20)
    expected = [-20 * np.log10(amplitude[t : t + 2].mean()) for t in range(4)]
    np.testing.assert_allclose(scores["SIR"][0], expected, atol=0.2)
    shifted = [-10 * np.log10(energy[t + 1 : t + 3].mean()) for t in range(4)]
    assert np.abs(scores["SDR"][0] - shifted).min() > 0.5  # a window off by one hop would show


def test_windows_scored_apart_are_the_windows_of_the_song():
    rate = 1000
    references = np.stack([noise(62, seed)[: 62 * rate] for seed in range(2)])
    references[0, 30 * rate : 60 * rate] = 0  # a silent window has no value
    estimates = references + 0.1 * noise(62, 2)[: 62 * rate]
    whole = bss_eval(references, estimates, rate, "v3")
    windows = PROTOCOLS["v3"].windows(62 * rate, rate)
    assert windows == [slice(0, 30 * rate), slice(15 * rate, 45 * rate), slice(30 * rate, 60 * rate)]
    apart = [bss_eval_window(references[:, part], estimates[:, part], rate) for part in windows]
    for metric, values in whole.items():
        np.testing.assert_array_equal(values, np.concatenate([part[metric] for part in apart], axis=1))
    assert np.isnan(whole["SDR"]).tolist() == [[False, False, True]] * 2


@pytest.mark.parametrize(("seconds", "count"), [(0.5, 1), (30, 1), (44.9, 1), (45, 2), (59.9, 2)])
def test_how_many_windows(seconds, count):
    windows = PROTOCOLS["v3"].windows(round(seconds * RATE), RATE)
    assert len(windows) == count
    assert windows[-1].stop <= seconds * RATE


def test_voice_active_frames():
    rng = np.random.default_rng(0)
    levels_db = np.array([-200, -70, -25, -10, -55, -45])
    vocals = np.concatenate([rng.standard_normal((RATE, 2)) * 10 ** (db / 20) for db in levels_db])
    assert active_frames(vocals, RATE).tolist() == [False, False, True, True, False, True]
    assert most_active_excerpt(vocals, RATE, 2) == slice(2 * RATE, 4 * RATE)
    assert most_active_excerpt(vocals, RATE, 60) == slice(0, 6 * RATE)
    assert not active_frames(np.zeros((RATE, 2)), RATE).any()


def test_equations_without_a_solution_and_interruptions(monkeypatch):
    """Both meet museval where it looks for a module of former NumPy."""
    rng = np.random.default_rng(0)
    references = rng.standard_normal((2, 8000, 2))
    estimates = references + 0.1 * rng.standard_normal((2, 8000, 2))
    expected = bss_eval(references, estimates, 8000)
    for error in (np.linalg.LinAlgError, KeyboardInterrupt):

        def solve(*_, error=error):
            raise error

        monkeypatch.setattr(np.linalg, "solve", solve)
        if error is KeyboardInterrupt:
            with pytest.raises(KeyboardInterrupt):
                bss_eval(references, estimates, 8000)
        else:
            for metric, values in bss_eval(references, estimates, 8000).items():
                np.testing.assert_allclose(values, expected[metric], atol=0.01)
