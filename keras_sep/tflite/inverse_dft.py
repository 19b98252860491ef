"""The inverse real discrete Fourier transform as matrix products (Cooley and Tukey, 1965).

The inverse real FFT is not a TFLite builtin. It is one forward RFFT2D of a sequence with twice the
symmetry (Hartley, 1942), but RFFT2D runs in scalar code, one transform after the other; products with
constant matrices run in the kernels that the network runs in, all transforms at once.

For N = R · S, n = S·r + s and k = p + R·q, the sum over k is one over q and one over p:

    N · x[S·r + s] = Σ_p e^(2πi r p / R) · e^(2πi s p / N) · Σ_q e^(2πi s q / S) X[p + R·q]

The lower half of the spectrum is q < S/2 and Nyquist's bin. With both halves' weights, the real part
of the sum over the lower half is the signal.

The forward transform stays RFFT2D, in double precision: rounding errors of products are 130 dB below a loud bass,
as loud as the treble of a band-limited recording, and they change the masks.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

SCOPE = "inverse_dft"  # in the names of its tensors


class InverseDft:
    """The inverse real DFT of an even size N, from bins 0..N/2.

    Args:
        size: N, even.

    Raises:
        ValueError: an odd size.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.tflite.inverse_dft import InverseDft
        >>> x = np.random.default_rng(0).normal(size=(2, 2048))
        >>> spectrum = np.fft.rfft(x)
        >>> bool(np.allclose(InverseDft(2048)(spectrum.real.astype("f"), spectrum.imag.astype("f")), x, atol=1e-5))
        True
    """

    def __init__(self, size: int):
        if size % 2:
            raise ValueError(f"InverseDft: size must be even. Received: size={size}")
        self.size = size
        self.rows = max(n for n in range(1, math.isqrt(size) + 1) if size % n == 0 and size // n % 2 == 0)
        self.columns = size // self.rows
        p, q, s = np.arange(self.rows), np.arange(self.columns // 2), np.arange(self.columns)
        over_q = 2 * np.pi * np.outer(q, s) / self.columns
        over_p = 2 * np.pi * np.outer(p, p) / self.rows
        between = 2 * np.pi * np.outer(p, s) / size
        self._over_q_real = _constant(np.concatenate([np.cos(over_q), -np.sin(over_q)]))
        self._over_q_imaginary = _constant(np.concatenate([np.sin(over_q), np.cos(over_q)]))
        self._cos, self._sin = _constant(np.cos(between)), _constant(np.sin(between))
        self._over_p = _constant(np.concatenate([np.cos(over_p), -np.sin(over_p)], axis=1))
        # Each bin stands for itself and its conjugate, 0 Hz and Nyquist for themselves.
        weights = np.full((self.rows, self.columns // 2), 2 / size)
        weights[0, 0] = 1 / size
        self._weights = _constant(np.tile(weights, 2))
        self._nyquist = _constant((-1.0) ** np.arange(size) / size)

    def __call__(self, real, imaginary):
        """Transforms real and imaginary parts (B, N/2 + 1) to (B, N)."""
        with tf.name_scope(SCOPE):
            return self._transform(real, imaginary)

    def _transform(self, real, imaginary):
        batch, half = real.shape[0], self.columns // 2
        x = [tf.reshape(part[:, :-1], (batch, half, self.rows)) for part in (real, imaginary)]
        x = tf.transpose(tf.concat(x, axis=1), (0, 2, 1)) * self._weights  # (B, p, real and imaginary parts of all q)
        x = tf.reshape(x, (batch * self.rows, self.columns))
        shape = (batch, self.rows, self.columns)
        re, im = (tf.reshape(tf.matmul(x, m), shape) for m in (self._over_q_real, self._over_q_imaginary))
        x = tf.concat([re * self._cos - im * self._sin, re * self._sin + im * self._cos], axis=1)
        x = tf.reshape(tf.matmul(self._over_p, x), (batch, self.size))
        return x + real[:, -1:] * self._nyquist


def _constant(x):
    return tf.constant(x, tf.float32)
