"""The optimizer Muon for networks of convolutions and recurrent layers."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

GATES = {"gru": 3, "lstm": 4}  # number of gates of a cell; its kernel holds one matrix for each, side by side
MOMENTUM = 0.95
RMS = 0.2  # of the entries of a step, relative to the learning rate; about that of Adam
QUINTIC = (3.4445, -4.7750, 2.0315)  # brings singular values from (0, 1] to about 1 in five iterations


class Muon(keras.optimizers.Adam):
    """Muon for matrices, Adam for all other weights.

    A matrix moves along its momentum, orthogonalised (Jordan et al., 2024), with steps as large as Adam's (Liu et al.,
    2025). All singular values of the step are about 1, so that a layer learns rare directions as fast as common ones.
    Keras's Muon applies to dense kernels only. Here the kernel of a convolution (taps, inputs, outputs) is a matrix
    (taps · inputs, outputs), and that of a recurrent layer is one matrix for each gate. Adam moves biases,
    normalisations and the last layer, which makes the masks.

    Args:
        learning_rate: of both; a number or a schedule.
        kwargs: arguments of `keras.optimizers.Adam`.
    """

    def __init__(self, learning_rate: Any = 0.001, **kwargs: Any):
        super().__init__(learning_rate, **kwargs)
        self._muon_momentums: list[Any] = []
        self._num_matrices: list[int] = []

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        # Matrices are found here, because in `update_step` TensorFlow's variables come without Keras's paths.
        for variable in variables:
            matrix = _is_matrix(variable)
            momentum = self.add_variable_from_reference(variable, name="muon_momentum") if matrix else None
            self._muon_momentums.append(momentum)
            self._num_matrices.append(next((n for name, n in GATES.items() if f"{name}_cell/" in variable.path), 1))

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        momentum = self._muon_momentums[index]
        if momentum is None:
            super().update_step(gradient, variable, learning_rate)
            return
        gradient = ops.cast(gradient, variable.dtype)
        self.assign_add(momentum, gradient + (MOMENTUM - 1) * momentum)
        count = self._num_matrices[index]
        ahead = ops.reshape(gradient + MOMENTUM * momentum, (-1, count, variable.shape[-1] // count))  # Nesterov
        step = orthogonalise(ops.transpose(ahead, (1, 0, 2)))
        rate = ops.cast(learning_rate, variable.dtype) * (RMS * max(step.shape[1:]) ** 0.5)
        self.assign_sub(variable, rate * ops.reshape(ops.transpose(step, (1, 0, 2)), variable.shape))


def _is_matrix(variable) -> bool:
    return len(variable.shape) > 1 and not variable.path.endswith("bias") and "/mask/" not in variable.path


def orthogonalise(x):
    """Brings the singular values of matrices (N, I, J) to about 1; singular vectors stay (Newton and Schulz)."""
    wide = x.shape[1] <= x.shape[2]
    x = x if wide else ops.transpose(x, (0, 2, 1))
    x = x / (ops.sqrt(ops.sum(ops.square(x), axis=(1, 2), keepdims=True)) + 1e-7)
    a, b, c = QUINTIC
    for _ in range(5):
        square = x @ ops.transpose(x, (0, 2, 1))
        x = a * x + (b * square + c * square @ square) @ x
    return x if wide else ops.transpose(x, (0, 2, 1))
