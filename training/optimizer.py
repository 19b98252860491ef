"""Muon for networks of convolutions and recurrent layers."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

GATES = {"gru": 3, "lstm": 4}  # of the layers whose kernels hold a matrix for each, side by side


class Muon(keras.optimizers.Muon):
    """Keras' Muon (Jordan et al., 2024; steps as large as Adam's: Liu et al., 2025), which takes matrices alone.

    Here the kernel of a convolution (taps, inputs, outputs) is a matrix (taps · inputs, outputs), and that of a
    recurrent layer one matrix for each gate. Adam moves biases, normalisations and the masks' convolution.

    Args:
        learning_rate: of both.
        kwargs: of `keras.optimizers.Optimizer`.
    """

    def __init__(self, learning_rate: Any, **kwargs: Any):
        super().__init__(learning_rate, weight_decay=None, adam_weight_decay=None, **kwargs)

    def _should_use_adamw(self, variable) -> bool:
        return len(variable.shape) < 2 or variable.path.endswith("/bias") or "mask_conv" in variable.path

    def build(self, variables):
        super().build(variables)
        # While training, TensorFlow's variables come without Keras' paths.
        self._gates = [next((n for name, n in GATES.items() if f"{name}_cell/" in v.path), 1) for v in variables]

    def _muon_update_step(self, gradient, variable, lr, m):
        self.assign_add(m, ops.add(gradient, m * (self.momentum - 1)))
        g = ops.add(gradient, self.momentum * m) if self.nesterov else m
        count = self._gates[self._get_variable_index(variable)]
        matrices = ops.moveaxis(ops.reshape(g, (-1, count, variable.shape[-1] // count)), 1, 0)
        update = self.zeropower_via_newtonschulz5(matrices, self.ns_steps)
        rate = lr * self.rms_rate * max(update.shape[-2:]) ** 0.5
        self.assign_sub(variable, rate * ops.reshape(ops.moveaxis(update, 0, 1), variable.shape))
