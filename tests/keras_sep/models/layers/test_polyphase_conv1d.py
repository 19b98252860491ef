from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_sep.models.layers.polyphase_conv1d import PolyphaseConv1D


@pytest.mark.parametrize(("kernel_size", "phases"), [(3, 4), (5, 2), (1, 4), (3, 1)])
def test_it_is_the_plain_convolution(kernel_size, phases):
    rng = np.random.default_rng(6)
    a, b = (rng.standard_normal((2, 16, channels)).astype(np.float32) for channels in (5, 2))
    plain = keras.layers.Conv1D(3, kernel_size, padding="same")
    expected = plain(np.concatenate([a, b], axis=-1))
    layer = PolyphaseConv1D(3, kernel_size, phases)
    layer.build([a.shape, b.shape])
    layer.set_weights([plain.get_weights()[0], rng.standard_normal(3).astype(np.float32)])
    assert np.abs(layer([a, b]) - expected).max() > 0.1  # another bias is seen
    layer.set_weights(plain.get_weights())
    np.testing.assert_allclose(layer([a, b]), expected, atol=1e-5)
    parts = PolyphaseConv1D(3, kernel_size, phases, num_outputs=3)
    parts.build([a.shape, b.shape])
    parts.set_weights(plain.get_weights())
    np.testing.assert_allclose(np.concatenate(parts([a, b]), axis=-1), expected, atol=1e-5)
    assert PolyphaseConv1D.from_config(parts.get_config()).get_config() == parts.get_config()
    assert PolyphaseConv1D.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_size": 4}, "odd and at most 2 · phases . 1.*kernel_size=4, phases=4"),
        ({"kernel_size": 5, "phases": 1}, "odd and at most 2 · phases . 1.*kernel_size=5, phases=1"),
        ({"num_outputs": 2}, "multiple of num_outputs.*filters=3, num_outputs=2"),
    ],
)
def test_what_it_cannot_compute_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        PolyphaseConv1D(3, **options)
