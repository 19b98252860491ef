from __future__ import annotations

import numpy as np
import pytest

from keras_sep.losses import feature_loss, l1, loss_weights, spectrogram_loss, total_loss


def test_the_norm_is_a_mean_and_not_a_sum():
    reference, estimate = np.array([[1.0, 2.0], [0.0, -4.0]]), np.array([[0.0, 4.0], [0.0, 1.0]])
    assert float(l1(reference, estimate)) == pytest.approx((1 + 2 + 0 + 5) / 4)
    assert float(l1(np.tile(reference, 3), np.tile(estimate, 3))) == pytest.approx(2.0)


def test_equation_3_is_the_sum_of_mean_absolute_values():
    references = {"vocals": np.array([[1.0, 2.0]]), "accompaniment": np.array([[4.0, 0.0]])}
    estimates = {"vocals": np.array([[0.0, 4.0]]), "accompaniment": np.array([[4.0, 3.0]])}
    assert float(spectrogram_loss(references, estimates)) == pytest.approx((1 + 2) / 2 + (0 + 3) / 2)


def test_equation_4_is_the_sum_of_mean_absolute_values_of_features():
    references = {"vocals": np.array([[-1.0, 2.0, 0.0]]), "accompaniment": np.array([[4.0, 0.0, 1.0]])}
    estimates = {"vocals": np.array([[1.0, 2.0, 1.0]]), "accompaniment": np.array([[4.0, 6.0, -2.0]])}
    assert float(feature_loss(references, estimates)) == pytest.approx((2 + 0 + 1) / 3 + (0 + 6 + 3) / 3)
    assert float(feature_loss(references, references)) == 0.0


def test_equation_5_is_the_weighted_sum():
    assert float(total_loss([7.0])) == pytest.approx(7.0)
    assert float(total_loss([6.0, 3.0])) == pytest.approx(6 * 2 / 3 + 3 * 1 / 3)
    assert float(total_loss([1.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx((5 * 1 + 4 * 2 + 3 * 3 + 2 * 4 + 1 * 5) / 15)


@pytest.mark.parametrize(
    ("num_taps", "weights"), [(0, (1,)), (1, (2 / 3, 1 / 3)), (4, (5 / 15, 4 / 15, 3 / 15, 2 / 15, 1 / 15))]
)
def test_the_weights_of_equation_5_by_hand(num_taps, weights):
    assert loss_weights(num_taps) == pytest.approx(weights)
    assert sum(loss_weights(num_taps)) == pytest.approx(1)


def test_a_negative_number_of_taps_is_refused():
    with pytest.raises(ValueError, match="num_taps=-1"):
        loss_weights(-1)
