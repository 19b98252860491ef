from __future__ import annotations

import numpy as np
import pytest

from keras_sep.losses import (
    SNR_WINDOW,
    complex_spectrogram_loss,
    compressed_spectrogram_loss,
    feature_loss,
    l1,
    loss_weights,
    snr_loss,
    spectrogram_loss,
    total_loss,
)


def test_the_norm_is_a_mean_and_not_a_sum():
    reference, estimate = np.array([[1.0, 2.0], [0.0, -4.0]]), np.array([[0.0, 4.0], [0.0, 1.0]])
    assert float(l1(reference, estimate)) == pytest.approx((1 + 2 + 0 + 5) / 4)
    assert float(l1(np.tile(reference, 3), np.tile(estimate, 3))) == pytest.approx(2.0)


def test_equation_2_is_the_sum_of_mean_absolute_values():
    references = {"vocals": np.array([[1.0, 2.0]]), "accompaniment": np.array([[4.0, 0.0]])}
    estimates = {"vocals": np.array([[0.0, 4.0]]), "accompaniment": np.array([[4.0, 3.0]])}
    assert float(spectrogram_loss(references, estimates)) == pytest.approx((1 + 2) / 2 + (0 + 3) / 2)


def test_equation_3_is_the_sum_of_mean_absolute_values_of_features():
    references = {"vocals": np.array([[-1.0, 2.0, 0.0]]), "accompaniment": np.array([[4.0, 0.0, 1.0]])}
    estimates = {"vocals": np.array([[1.0, 2.0, 1.0]]), "accompaniment": np.array([[4.0, 6.0, -2.0]])}
    assert float(feature_loss(references, estimates)) == pytest.approx((2 + 0 + 1) / 3 + (0 + 6 + 3) / 3)
    assert float(feature_loss(references, references)) == 0.0


def test_equation_4_is_the_weighted_sum():
    assert float(total_loss([7.0])) == pytest.approx(7.0)
    assert float(total_loss([6.0, 3.0])) == pytest.approx(6 * 2 / 3 + 3 * 1 / 3)
    assert float(total_loss([1.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx((5 * 1 + 4 * 2 + 3 * 3 + 2 * 4 + 1 * 5) / 15)


@pytest.mark.parametrize(
    ("num_taps", "weights"), [(0, (1,)), (1, (2 / 3, 1 / 3)), (4, (5 / 15, 4 / 15, 3 / 15, 2 / 15, 1 / 15))]
)
def test_equation_5_by_hand(num_taps, weights):
    assert loss_weights(num_taps) == pytest.approx(weights)
    assert sum(loss_weights(num_taps)) == pytest.approx(1)


def test_a_negative_number_of_taps_is_refused():
    with pytest.raises(ValueError, match="num_taps=-1"):
        loss_weights(-1)


def test_compressed_loss_by_hand():
    references = {"vocals": np.array([4.0, 9.0])}
    estimates = {"vocals": np.array([1.0, 16.0])}
    assert float(compressed_spectrogram_loss(references, estimates, epsilon=0.0)) == pytest.approx((1 + 1) / 2)


def test_the_complex_loss_is_the_distance_of_complex_spectra():
    rng = np.random.default_rng(7)
    vocals, accompaniment = rng.standard_normal((2, 3, 40, 2)) + 1j * rng.standard_normal((2, 3, 40, 2))
    mixture, masks = vocals + accompaniment, {"vocals": rng.random((3, 40, 2)), "accompaniment": rng.random((3, 40, 2))}
    expected = sum(
        np.abs(v - masks[n] * mixture).mean() for n, v in (("vocals", vocals), ("accompaniment", accompaniment))
    )
    references = {"vocals": np.abs(vocals), "accompaniment": np.abs(accompaniment)}
    assert float(complex_spectrogram_loss(np.abs(mixture), references, masks)) == pytest.approx(expected, rel=1e-3)
    # Full scale and silence: the distance of 0 from 0, and a finite gradient.
    silent = {name: np.zeros_like(values) for name, values in references.items()}
    assert float(complex_spectrogram_loss(np.zeros((3, 40, 2)), silent, masks)) == pytest.approx(0.0, abs=3e-3)


def test_the_complex_loss_wants_less_where_the_phase_is_wrong():
    # Two sources 120° apart: the mixture is as loud as each, but half of it is all that helps.
    mixture, references = np.ones((1, 1, 1, 1)), {name: np.ones((1, 1, 1, 1)) for name in ("vocals", "accompaniment")}
    losses = {
        mask: float(complex_spectrogram_loss(mixture, references, dict.fromkeys(references, np.float64(mask))))
        for mask in (0.25, 0.5, 1.0)
    }
    assert min(losses, key=losses.__getitem__) == 0.5


@pytest.mark.parametrize("loss", [complex_spectrogram_loss, snr_loss])
def test_a_loss_of_complex_spectra_needs_two_sources(loss):
    with pytest.raises(ValueError, match=f"{loss.__name__}: expected two sources"):
        loss(np.ones((1, 1, 1, 1)), {"vocals": np.ones(1)}, {"vocals": np.ones(1)})


def test_the_snr_loss_is_the_error_of_each_second_beside_the_mixture_in_decibels():
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
