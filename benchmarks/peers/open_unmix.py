"""Open-Unmix (umx) in its published size, with random weights.

One network a source: it takes the magnitudes of the whole song, frames of 4096 samples every 1024 in both channels, and
returns the source's. It looks at the bins below 16 kHz, and its recurrent layers run in both directions of time.

Source: Stöter, Uhlich, Liutkus and Mitsufuji, JOSS 2019; github.com/sigsep/open-unmix-pytorch (MIT), model.py.
"""

from __future__ import annotations

import keras
from keras import layers, ops

SAMPLE_RATE, FRAME_LENGTH, FRAME_STEP = 44100, 4096, 1024
# Not a whole song: every frame costs the same, but TFLite's loop copies all outputs at every frame.
FRAMES = 128
BINS, CHANNELS = FRAME_LENGTH // 2 + 1, 2
SEEN_BINS = 1487  # below 16 kHz
UNITS, NUM_LSTM_LAYERS = 512, 3
NUM_NETWORKS = 2  # for a voice and its accompaniment


class _Scale(layers.Layer):
    """A layer that scales and shifts every bin by weights."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=input_shape[-1:], initializer="ones", name="scale")
        self.offset = self.add_weight(shape=input_shape[-1:], initializer="zeros", name="offset")

    def call(self, x):
        return x * self.scale + self.offset


def build_open_unmix() -> keras.Model:
    """Builds the network of one source: from the magnitude (B, 128, 2, 2049), linear, ≥ 0, to the source's."""
    magnitude = keras.Input((FRAMES, CHANNELS, BINS), name="magnitude")
    x = _Scale(name="input_scale")(magnitude[..., :SEEN_BINS])
    x = layers.Reshape((FRAMES, CHANNELS * SEEN_BINS))(x)
    x = _normalised(layers.Dense(UNITS, use_bias=False, name="fc1")(x))
    hidden = ops.tanh(x)
    x = hidden
    for _ in range(NUM_LSTM_LAYERS):
        x = layers.Bidirectional(layers.LSTM(UNITS // 2, return_sequences=True))(x)
    x = layers.Concatenate()([hidden, x])
    x = ops.relu(_normalised(layers.Dense(UNITS, use_bias=False, name="fc2")(x)))
    x = _normalised(layers.Dense(CHANNELS * BINS, use_bias=False, name="fc3")(x))
    x = _Scale(name="output_scale")(layers.Reshape((FRAMES, CHANNELS, BINS))(x))
    return keras.Model(magnitude, ops.relu(x) * magnitude, name="open_unmix")


def _normalised(x):
    return layers.BatchNormalization(epsilon=1e-5)(x)
