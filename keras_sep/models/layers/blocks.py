"""What encoders and decoders along frequency are made of, (N, F, C) in and out."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


def compress(magnitude):
    """Fourth root of the linear magnitude, as two square roots: both are fast in every runtime.

    It evens out the 60 dB between low and high bins, and a change of loudness by 20 dB becomes 5 dB.
    """
    return ops.sqrt(ops.sqrt(magnitude))


@keras.saving.register_keras_serializable("keras_sep")
class ConvBlock(layers.Layer):
    """Convolution along frequency, batch normalisation, ReLU: (N, F, C) → (N, F / strides, filters)."""

    def __init__(self, filters: int, kernel_size: int, strides: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides = filters, kernel_size, strides
        self.conv = layers.Conv1D(filters, kernel_size, strides, padding="same", use_bias=False, name="conv")
        self.norm = layers.BatchNormalization(momentum=0.97, name="norm")

    def build(self, shape):
        self.conv.build(shape)
        self.norm.build(self.conv.compute_output_shape(shape))

    def call(self, x, training=None):
        return ops.relu(self.norm(self.conv(x), training=training))

    def compute_output_shape(self, shape):
        return self.conv.compute_output_shape(shape)

    def get_config(self):
        own = {"filters": self.filters, "kernel_size": self.kernel_size, "strides": self.strides}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("keras_sep")
class UpBlock(layers.Layer):
    """Twice the positions by sub-pixel convolution: (N, F, C) → (N, 2F, filters).

    A convolution to 2 · filters, its normalisation and ReLU, then the reshape: twice as fast as a transposed
    convolution in TFLite, and the normalisation folds into the convolution at export.
    """

    def __init__(self, filters: int, kernel_size: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters, self.kernel_size = filters, kernel_size
        self.block = ConvBlock(2 * filters, kernel_size, name="block")

    def build(self, shape):
        self.block.build(shape)

    def call(self, x, training=None):
        return ops.reshape(self.block(x, training=training), (-1, 2 * x.shape[1], self.filters))

    def compute_output_shape(self, shape):
        return (shape[0], 2 * shape[1], self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "kernel_size": self.kernel_size}
