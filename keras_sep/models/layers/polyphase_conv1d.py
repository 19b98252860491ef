"""A convolution over many positions with few channels, computed for several positions at once."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("keras_sep")
class PolyphaseConv1D(layers.Layer):
    """A `Conv1D` (stride 1, padding "same") of the concatenation of its inputs, in polyphase form.

    It has the same weights and the same result. `phases` neighbouring positions become channels, so that a
    convolution from (F, C) to (F, filters) runs from (F / phases, phases · C) to
    (F / phases, phases · filters): fewer and fuller rows, which matrix kernels like better, although
    most of the wider kernel is zero.

    Args:
        filters: output channels.
        kernel_size: odd number of taps, at most 2 · phases + 1.
        phases: positions at once; divides the inputs' length F.
        num_outputs: number of tensors that the filters are split into. It happens before the phases are put back
            into a row, where it copies a few long pieces, not many short ones.

    Call: list of (N, F, C_i) → (N, F, filters), or a list of `num_outputs` tensors (N, F, filters / num_outputs).

    Examples:
        >>> import numpy as np
        >>> from keras_sep.models.layers.polyphase_conv1d import PolyphaseConv1D
        >>> x, skip = np.ones((1, 320, 16), "float32"), np.ones((1, 320, 2), "float32")
        >>> vocals, accompaniment = PolyphaseConv1D(4, num_outputs=2)([x, skip])
        >>> tuple(vocals.shape)
        (1, 320, 2)
    """

    def __init__(self, filters: int, kernel_size: int = 3, phases: int = 4, num_outputs: int = 1, **kwargs):
        super().__init__(**kwargs)
        if kernel_size % 2 == 0 or kernel_size > 2 * phases + 1:
            raise ValueError(
                f"PolyphaseConv1D: kernel_size must be odd and at most 2 · phases + 1. "
                f"Received: kernel_size={kernel_size}, phases={phases}"
            )
        if filters % num_outputs:
            raise ValueError(
                f"PolyphaseConv1D: filters must be a multiple of num_outputs. "
                f"Received: filters={filters}, num_outputs={num_outputs}"
            )
        self.filters, self.kernel_size, self.phases, self.num_outputs = filters, kernel_size, phases, num_outputs

    def build(self, input_shapes):
        channels = sum(shape[-1] for shape in input_shapes)
        self.kernel = self.add_weight((self.kernel_size, channels, self.filters), "glorot_uniform", name="kernel")
        self.bias = self.add_weight((self.filters,), "zeros", name="bias")

    def call(self, inputs):
        kernels, columns, first = [], [], 0
        for x in inputs:
            length, channels = x.shape[1:]
            columns.append(ops.reshape(x, (-1, length // self.phases, self.phases * channels)))
            kernels.append(self._polyphase(self.kernel[:, first : first + channels]))
            first += channels
        x = ops.conv(ops.concatenate(columns, -1), ops.concatenate(kernels, 1), padding="same")
        # Beside the convolution, so that it becomes the convolution's own at export.
        x = x + ops.cast(self._by_output(ops.tile(self.bias, self.phases)), x.dtype)
        shape = (-1, inputs[0].shape[1], self.filters // self.num_outputs)
        parts = [ops.reshape(part, shape) for part in ops.split(x, self.num_outputs, axis=-1)]
        return parts if self.num_outputs > 1 else parts[0]

    def _polyphase(self, kernel):
        """Widens a kernel (taps, C, filters) to (3, phases · C, phases · filters)."""
        # One where output phase j looks through tap d at input phase i of row g: the last, this, the next.
        place = np.zeros((3, self.phases, self.phases, self.kernel_size), np.float32)
        for j in range(self.phases):
            for d in range(self.kernel_size):
                row, i = divmod(j + d - self.kernel_size // 2, self.phases)
                place[row + 1, i, j, d] = 1.0
        wide = ops.einsum("gijd,dcf->gicjf", ops.convert_to_tensor(place, kernel.dtype), kernel)
        return self._by_output(ops.reshape(wide, (3, self.phases * kernel.shape[1], self.phases * self.filters)))

    def _by_output(self, x):
        """Reorders columns (phase, output, filter) to (output, phase, filter)."""
        *rows, columns = x.shape
        x = ops.reshape(x, (*rows, self.phases, self.num_outputs, self.filters // self.num_outputs))
        return ops.reshape(ops.moveaxis(x, -2, -3), (*rows, columns))

    def compute_output_shape(self, input_shapes):
        shapes = [(*input_shapes[0][:2], self.filters // self.num_outputs)] * self.num_outputs
        return shapes if self.num_outputs > 1 else shapes[0]

    def get_config(self):
        names = ("filters", "kernel_size", "phases", "num_outputs")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
