"""Convolutions as matrix products, for training on GPUs with JAX.

A product of the shifted inputs, side by side, with the same kernel: it runs on the matrix units, and needs no more memory
than the inputs take.
"""

from __future__ import annotations

import functools

import keras
from keras import layers, ops

from keras_sep.models import PolyphaseConv1D


def convolve_by_products(network: keras.Model) -> None:
    """Lets the convolutions along one axis of `network` run as products; the result is the same.

    Where JAX has a GPU; elsewhere they stay. Saved networks know nothing of it.
    """
    if keras.backend.backend() != "jax":
        return
    import jax

    if jax.default_backend() == "gpu":
        replace_convolutions(network)


def replace_convolutions(network: keras.Model) -> None:
    """As above, wherever it runs."""
    for layer in network._flatten_layers():
        if isinstance(layer, PolyphaseConv1D):
            layer.convolution_op = convolve
        elif isinstance(layer, layers.Conv1D) and layer.padding == "same" and layer.dilation_rate == (1,):
            layer.convolution_op = functools.partial(convolve, stride=layer.strides[0])


def convolve(x, kernel, stride: int = 1):
    """Convolution of x (N, F, C) with a kernel (taps, C, filters), padding "same" → (N, ⌈F / stride⌉, filters)."""
    taps, length = kernel.shape[0], x.shape[1]
    outputs = -(-length // stride)
    padding = max(0, (outputs - 1) * stride + taps - length)
    padded = ops.pad(x, ((0, 0), (padding // 2, padding - padding // 2), (0, 0)))
    shifted = [padded[:, tap : tap + (outputs - 1) * stride + 1 : stride] for tap in range(taps)]
    return ops.matmul(ops.concatenate(shifted, axis=-1), ops.reshape(kernel, (-1, kernel.shape[-1])))
