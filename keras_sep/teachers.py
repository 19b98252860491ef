"""Loss networks: frozen, trained networks whose features measure how alike two spectrograms are.

Doire (2019), section 2.3: the 2-D U-Net that was trained on the same task becomes the loss network φ of
the online student; its two-dimensional kernels steer the student's recurrent layer towards patterns in
time. The paper does not say which of its layers are tapped: ours are the outputs of the encoder's levels
(after normalisation and leaky ReLU), from the highest resolution down.
"""

from __future__ import annotations

from collections.abc import Sequence

from keras_sep.models import Unet


class Teacher:
    """A frozen feature extractor φ with named taps.

    Not a Keras layer on purpose: a model that holds a Teacher neither trains, counts nor saves its
    weights. It always runs in inference mode; gradients pass through it to its input.

    Args:
        network: a trained U-Net; it is frozen by this.
        taps: N names of `network.tap_names`, or how many of the encoder's, from the first.

    Attributes:
        taps: tuple of names; tap i is φ_i of eq. (4), i = 1 … N.

    Raises:
        ValueError: a tap that the network does not have.

    Examples:
        >>> from keras import ops
        >>> from keras_sep.models import Unet
        >>> from keras_sep.teachers import Teacher
        >>> teacher = Teacher(Unet("tiny"), taps=2)  # in earnest: a trained U-Net
        >>> teacher.taps
        ('down_1', 'down_2')
        >>> [tuple(phi.shape) for phi in teacher(ops.zeros((1, 8, 1025, 2)))]
        [(1, 4, 160, 4), (1, 2, 80, 6)]
    """

    def __init__(self, network: Unet, taps: Sequence[str] | int = 4):
        encoder = tuple(level.name for level in network.down)
        if isinstance(taps, int):
            if not 1 <= taps <= len(encoder):
                raise ValueError(
                    f"Teacher: taps must be from 1 to {len(encoder)}, the encoder's levels. Received: {taps}"
                )
            taps = encoder[:taps]
        if not taps or (unknown := [name for name in taps if name not in network.tap_names]):
            found = unknown if taps else "none"
            raise ValueError(f"Teacher: taps must be some of {', '.join(network.tap_names)}. Received: {found}")
        network.trainable = False
        self.network, self.taps = network, tuple(taps)

    def __call__(self, magnitude) -> list:
        """Returns φ_1 … φ_N of `magnitude` (B, T, F, V), linear, ≥ 0; layers after the last tap are not computed."""
        found = {}
        for name, value in self.network.features(magnitude):
            found[name] = value
            if all(tap in found for tap in self.taps):
                break
        return [found[tap] for tap in self.taps]
