"""Building blocks of encoders and decoders along frequency, (N, F, C) in and out."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


def compress(magnitude):
    """Computes the fourth root of the linear magnitude, as two square roots, which every runtime has.

    It evens out the 60 dB between low and high bins; a change of loudness by 20 dB becomes 5 dB.

    Examples:
        >>> from keras import ops
        >>> from keras_sep.models.layers.blocks import compress
        >>> float(compress(ops.array(16.0)))
        2.0
    """
    return ops.sqrt(ops.sqrt(magnitude))


@keras.saving.register_keras_serializable("keras_sep")
class ConvBlock(layers.Layer):
    """A convolution along frequency, batch normalisation, ReLU: (N, F, C) → (N, F / strides, filters).

    Examples:
        >>> import numpy as np
        >>> from keras_sep.models.layers.blocks import ConvBlock
        >>> tuple(ConvBlock(24, kernel_size=5, strides=2)(np.ones((1, 320, 2), "float32")).shape)
        (1, 160, 24)
    """

    def __init__(self, filters: int, kernel_size: int, strides: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides = filters, kernel_size, strides
        self.conv = layers.Conv1D(filters, kernel_size, strides, padding="same", use_bias=False, name="conv")
        self.norm = layers.BatchNormalization(momentum=0.97, name="norm")

    def build(self, input_shape):
        self.conv.build(input_shape)
        self.norm.build(self.conv.compute_output_shape(input_shape))

    def call(self, x, training=None):
        return ops.relu(self.norm(self.conv(x), training=training))

    def compute_output_shape(self, input_shape):
        return self.conv.compute_output_shape(input_shape)

    def get_config(self):
        own = {"filters": self.filters, "kernel_size": self.kernel_size, "strides": self.strides}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("keras_sep")
class UpBlock(layers.Layer):
    """A sub-pixel convolution to twice the positions: (N, F, C) → (N, 2F, filters).

    A convolution to 2 · filters, its normalisation and ReLU, then the reshape: twice as fast as a transposed
    convolution in TFLite, and the normalisation folds into the convolution at export.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.models.layers.blocks import UpBlock
        >>> tuple(UpBlock(16, kernel_size=3)(np.ones((1, 160, 40), "float32")).shape)
        (1, 320, 16)
    """

    def __init__(self, filters: int, kernel_size: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters, self.kernel_size = filters, kernel_size
        self.block = ConvBlock(2 * filters, kernel_size, name="block")

    def build(self, input_shape):
        self.block.build(input_shape)

    def call(self, x, training=None):
        return ops.reshape(self.block(x, training=training), (-1, 2 * x.shape[1], self.filters))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 2 * input_shape[1], self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "kernel_size": self.kernel_size}
