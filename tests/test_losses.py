from __future__ import annotations

import numpy as np
import pytest

from keras_sep.losses import compressed_spectrogram_loss, spectrogram_loss
from keras_sep.models import build_or_unet
from keras_sep.separation import Separation
from tests.test_or_unet import SMALL, SMALL_SPEC, magnitude


def test_equation_2_is_the_sum_of_mean_absolute_values():
    references = {"vocals": np.array([[1.0, 2.0]]), "accompaniment": np.array([[4.0, 0.0]])}
    estimates = {"vocals": np.array([[0.0, 4.0]]), "accompaniment": np.array([[4.0, 3.0]])}
    assert float(spectrogram_loss(references, estimates)) == pytest.approx((1 + 2) / 2 + (0 + 3) / 2)


def test_compressed_loss_by_hand():
    references = {"vocals": np.array([4.0, 9.0])}
    estimates = {"vocals": np.array([1.0, 16.0])}
    assert float(compressed_spectrogram_loss(references, estimates, epsilon=0.0)) == pytest.approx((1 + 1) / 2)


def test_the_loss_does_not_change_with_the_level():
    model = Separation(build_or_unet(SMALL, SMALL_SPEC), compressed_weight=0.0)
    x = magnitude(8)
    y = {"vocals": 0.3 * x, "accompaniment": 0.7 * x}
    masks = {"vocals_mask": np.full_like(x, 0.5), "accompaniment_mask": np.full_like(x, 0.5)}
    loud = {source: 10 * value for source, value in y.items()}
    quiet, scaled = model.compute_loss(x, y, masks), model.compute_loss(10 * x, loud, masks)
    assert float(quiet) == pytest.approx(float(scaled), rel=1e-4)
    assert float(quiet) == pytest.approx(0.4, rel=1e-3)  # |0.3 − 0.5| + |0.7 − 0.5|, of a mean of 1
