"""Losses beyond the paper's: eqs. (3) to (5) are in test_losses.py."""

from __future__ import annotations

import numpy as np
import pytest

from keras_sep.extra_losses import SNR_WINDOW, compressed_spectrogram_loss, snr_loss


def test_compressed_loss_by_hand():
    references = {"vocals": np.array([4.0, 9.0])}
    estimates = {"vocals": np.array([1.0, 16.0])}
    assert float(compressed_spectrogram_loss(references, estimates, epsilon=0.0)) == pytest.approx((1 + 1) / 2)


def test_the_snr_loss_needs_two_sources():
    with pytest.raises(ValueError, match=r"snr_loss: expected two sources\. Received: \['vocals'\]"):
        snr_loss(np.ones((1, 1, 1, 1)), {"vocals": np.ones(1)}, {"vocals": np.ones(1)})


def test_the_snr_loss_is_the_error_of_each_second_relative_to_the_mixture_in_decibels():
    rng = np.random.default_rng(8)
    shape = (2, 3 * SNR_WINDOW, 20, 2)
    vocals, accompaniment = rng.standard_normal((2, *shape)) + 1j * rng.standard_normal((2, *shape))
    vocals *= np.linspace(0.1, 3.0, shape[1])[:, None, None]
    mixture, masks = vocals + accompaniment, {"vocals": rng.random(shape), "accompaniment": rng.random(shape)}

    def energy(x):
        return (np.abs(x) ** 2).reshape(2, 3, -1).sum(axis=2)

    expected = sum(
        (10 * np.log10(energy(v - masks[n] * mixture) / energy(mixture) + 1e-3)).mean()
        for n, v in (("vocals", vocals), ("accompaniment", accompaniment))
    )
    references = {"vocals": np.abs(vocals), "accompaniment": np.abs(accompaniment)}
    assert float(snr_loss(np.abs(mixture), references, masks)) == pytest.approx(expected, rel=1e-4)
    # What is no whole number of seconds is cut evenly, less than one is a window.
    for frames, windows in ((SNR_WINDOW + 10, [(0, 48), (48, 96)]), (10, [(0, 10)])):
        expected = 0.0
        for name, source in (("vocals", vocals), ("accompaniment", accompaniment)):
            error = source - masks[name] * mixture
            ratios = [
                (np.abs(error[:, a:b]) ** 2).sum(axis=(1, 2, 3)) / (np.abs(mixture[:, a:b]) ** 2).sum(axis=(1, 2, 3))
                for a, b in windows
            ]
            expected += (10 * np.log10(np.array(ratios) + 1e-3)).mean()
        cut = [{name: x[:, :frames] for name, x in group.items()} for group in (references, masks)]
        assert float(snr_loss(np.abs(mixture)[:, :frames], *cut)) == pytest.approx(expected, rel=1e-4)


def test_the_snr_loss_ends_at_its_floor():
    x = np.ones((1, SNR_WINDOW, 4, 2))
    references, right = {"vocals": x, "accompaniment": 0 * x}, {"vocals": x, "accompaniment": 0 * x}
    assert float(snr_loss(x, references, right)) == pytest.approx(-60.0, abs=0.01)
    assert float(snr_loss(x, references, {"vocals": 0.5 * x, "accompaniment": 0.5 * x})) == pytest.approx(
        -12.0, abs=0.1
    )
    assert np.isfinite(float(snr_loss(0 * x, dict.fromkeys(references, 0 * x), right)))  # silence
