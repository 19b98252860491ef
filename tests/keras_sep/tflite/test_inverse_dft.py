from __future__ import annotations

import numpy as np
import pytest

from keras_sep.tflite.inverse_dft import InverseDft


@pytest.mark.parametrize("size", [16, 256, 96, 2048, 26])
def test_it_is_the_inverse_of_the_real_fft(size):
    rng = np.random.default_rng(size)
    spectrum = np.fft.rfft(rng.standard_normal((3, size)))
    spectrum *= rng.uniform(0, 1, spectrum.shape)  # under a mask
    parts = spectrum.real.astype(np.float32), spectrum.imag.astype(np.float32)
    found = np.asarray(InverseDft(size)(*parts))
    np.testing.assert_allclose(found, np.fft.irfft(spectrum, size), atol=2e-6)


@pytest.mark.parametrize("only", [0, 1, 31, 32, 64])
def test_every_kind_of_bin(only):
    """0 Hz and Nyquist stand for themselves, the others also for their conjugates."""
    spectrum = np.zeros((1, 65), complex)
    spectrum[0, only] = 1.0 if only in (0, 64) else 0.6 - 0.8j
    found = InverseDft(128)(spectrum.real.astype(np.float32), spectrum.imag.astype(np.float32))
    np.testing.assert_allclose(found, np.fft.irfft(spectrum), atol=1e-8)


def test_odd_sizes_are_refused():
    with pytest.raises(ValueError, match=r"size must be even\. Received: size=15"):
        InverseDft(15)
