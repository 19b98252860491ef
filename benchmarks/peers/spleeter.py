"""The U-Net of Spleeter, 2 stems, in its published size, with random weights.

One network a stem: it takes the magnitudes of a patch of the mixture, 512 frames of 4096 samples every 1024 in both
channels, of which it keeps the lowest 1024 bins, and returns the stem's.

Source: Hennequin, Khlif, Voituret and Moussallam, JOSS 2020; github.com/deezer/spleeter (MIT), model/functions/unet.py
and configs/2stems. The architecture is that of Jansson et al., ISMIR 2017.
"""

from __future__ import annotations

import keras
from keras import layers

SAMPLE_RATE, FRAME_LENGTH, FRAME_STEP = 44100, 4096, 1024
FRAMES, BINS, CHANNELS = 512, 1024, 2
NUM_NETWORKS = 2
ENCODER = (16, 32, 64, 128, 256, 512)
DECODER = (256, 128, 64, 32, 16, 1)
DROPPED = 3  # decoder levels with dropout, which does nothing here


def build_spleeter() -> keras.Model:
    """Builds the network of one stem: from the magnitude (B, 512, 1024, 2), linear, ≥ 0, to the stem's.

    Skip connections carry the output of a convolution before its normalisation. The encoder has leaky ReLUs; the
    decoder has ReLUs before the normalisation.
    """
    magnitude = keras.Input((FRAMES, BINS, CHANNELS), name="magnitude")
    x, skips = magnitude, []
    for filters in ENCODER:
        x = layers.Conv2D(filters, 5, strides=2, padding="same")(x)
        skips.append(x)
        x = layers.LeakyReLU(0.2)(layers.BatchNormalization(epsilon=1e-3)(x))
    x = skips.pop()  # the deepest level is neither normalised nor activated
    for level, filters in enumerate(DECODER):
        x = layers.Conv2DTranspose(filters, 5, strides=2, padding="same", activation="relu")(x)
        x = layers.BatchNormalization(epsilon=1e-3)(x)
        if level < DROPPED:
            x = layers.Dropout(0.5)(x)
        if skips:
            x = layers.Concatenate()([skips.pop(), x])
    mask = layers.Conv2D(CHANNELS, 4, dilation_rate=2, padding="same", activation="sigmoid")(x)
    return keras.Model(magnitude, layers.Multiply()([mask, magnitude]), name="spleeter")
