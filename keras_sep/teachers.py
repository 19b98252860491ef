"""Loss networks: frozen, trained networks whose features say how alike two spectrograms are.

Doire (2019), section 2.3: the 2-D U-Net that was trained on the same task becomes the loss network φ of
the online student; its two-dimensional kernels steer the student's recurrent layer towards patterns in
time. The paper does not say which of its layers are tapped: ours are the outputs of the encoder's levels
(after normalisation and leaky ReLU), from the highest resolution down.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras


class Teacher:
    """A frozen feature extractor φ with named taps.

    Not a Keras layer on purpose: a model that holds a Teacher neither trains, counts nor saves its
    weights. It always runs in inference mode; gradients pass through it to its input.

    Args:
        network: trained mask network, usually `build_unet`'s; it is frozen by this.
        taps: names of its layers, from the first; None for `down_1`, `down_2`, … as far as they go.

    Attributes:
        taps: tuple of names; tap i is φ_i of eq. (3), i = 1 … N.
        extractor: the part of the network up to the last tap.

    Raises:
        ValueError: a name that `network` has no layer of.
    """

    def __init__(self, network: keras.Model, taps: Sequence[str] | None = None):
        names = [layer.name for layer in network.layers]
        if taps is None:
            taps = [name for name in names if name.removeprefix("down_").isdigit()]
        if not taps or (unknown := [name for name in taps if name not in names]):
            found = unknown if taps else "none"
            raise ValueError(f"Teacher: taps must be layers of {network.name!r}: {', '.join(names)}. Received: {found}")
        network.trainable = False
        self.taps = tuple(taps)
        # What lies behind the last tap is not computed.
        self.extractor = keras.Model(network.input, [network.get_layer(name).output for name in taps])
        self.extractor.trainable = False

    def first(self, num_taps: int) -> Teacher:
        """The same teacher with its first `num_taps` taps only."""
        if not 1 <= num_taps <= len(self.taps):
            raise ValueError(
                f"Teacher: num_taps must be from 1 to {len(self.taps)} ({', '.join(self.taps)}). Received: {num_taps}"
            )
        return Teacher(self.extractor, self.taps[:num_taps])

    def __call__(self, magnitude) -> list:
        """φ_1 … φ_N of `magnitude` (B, T, F, C), linear, ≥ 0."""
        return self.extractor(magnitude, training=False)
