"""Faster training of recurrent layers, with only the recurrence itself inside the loop over frames.

Inside its loop, Keras multiplies each frame by the input kernel and accumulates the gradients of both kernels. With
four segments a step, each frame then reads a whole kernel three times for the sake of four rows. Here the product with
the input kernel, and in the backward pass the gradient of each kernel, is one product over all frames. The result is
the same.

Shapes: T frames, B segments, H units; time first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops


def fuse_recurrence(network: keras.Model) -> None:
    """Makes the float32 GRU and LSTM layers of `network` run as described above, on TensorFlow and JAX.

    Layers with dropout, masks or other activations than Keras's defaults keep their loop. Saved networks are not
    affected.
    """
    if keras.backend.backend() not in ("tensorflow", "jax"):
        return
    for layer in network._flatten_layers():
        recurs: dict[type, Callable] = {layers.GRU: _gru, layers.LSTM: _lstm}
        recur = recurs.get(type(layer))
        if recur and _is_plain(layer):
            layer.inner_loop = _inner_loop(layer, layer.inner_loop, recur)


def _is_plain(layer: Any) -> bool:
    cell = layer.cell
    return (
        cell.compute_dtype == "float32"
        and (cell.activation, cell.recurrent_activation) == (keras.activations.tanh, keras.activations.sigmoid)
        and cell.use_bias
        and getattr(cell, "reset_after", True)
        and not (cell.dropout or cell.recurrent_dropout or layer.unroll or layer.go_backwards)
    )


def _inner_loop(layer: Any, plain: Callable, recur: Callable) -> Callable:
    def inner_loop(sequences, initial_state, mask, training=False):
        if mask is not None and any(m is not None for m in keras.tree.flatten(mask)):
            return plain(sequences, initial_state, mask, training=training)
        h, *states = recur(layer.cell, sequences, *keras.tree.flatten(initial_state))
        outputs = ops.transpose(h, (1, 0, 2))
        states = [h[-1], *(state[-1] for state in states)]
        return h[-1], outputs if layer.return_sequences else h[-1:], states

    return inner_loop


def _lstm(cell, sequences, h0, c0):
    """Runs an LSTM over sequences (B, T, C); returns h and c of every frame (T, B, H)."""
    x = ops.transpose(ops.matmul(sequences, cell.kernel) + cell.bias, (1, 0, 2))
    return _lstm_recurrence(x, h0, c0, ops.add(cell.recurrent_kernel, 0.0))  # + 0 turns the variable into a tensor


def _lstm_recurrence(x, h0, c0, kernel):
    """Runs the recurrence on `x` (T, B, 4H), the input's part of the gates i, f, g, o; returns h and c (T, B, H)."""

    def run(x, h0, c0, kernel):
        def step(state, t):
            (h, c), (x_t,) = state, t
            i, f, g, o = ops.split(x_t + ops.matmul(h, kernel), 4, axis=-1)
            i, f, g, o = ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o)
            c = f * c + i * g
            h = o * ops.tanh(c)
            return [h, c], [h, c, ops.concatenate([i, f, g, o], -1)]

        (_, _), (h, c, gates) = _scan(step, (x,), [h0, c0], (h0, c0, x[0]))
        return (h, c), (h0, c0, kernel, h, c, gates)

    def differentiate(kept, dh, dc_out):
        h0, c0, kernel, h, c, gates = kept
        c_before, kernel = ops.concatenate([c0[None], c[:-1]], 0), ops.transpose(kernel)

        def back(state, t):
            dh_t, dc_t, gates_t, c_t, c_before_t = t
            i, f, g, o = ops.split(gates_t, 4, axis=-1)
            dh_all = state[0] + dh_t
            tanh_c = ops.tanh(c_t)
            dc = state[1] + dc_t + dh_all * o * (1 - tanh_c * tanh_c)
            parts = [dc * g * i * (1 - i), dc * c_before_t * f * (1 - f), dc * i * (1 - g * g)]
            dz = ops.concatenate([*parts, dh_all * tanh_c * o * (1 - o)], -1)
            return [ops.matmul(dz, kernel), dc * f], [dz]

        start = [ops.zeros_like(h0), ops.zeros_like(c0)]
        (dh0, dc0), (dz,) = _scan(back, (dh, dc_out, gates, c, c_before), start, (gates[0],), reverse=True)
        return dz, dh0, dc0, _outer(ops.concatenate([h0[None], h[:-1]], 0), dz)

    return _with_gradient(run, differentiate)(x, h0, c0, kernel)


def _gru(cell, sequences, h0):
    """Runs a GRU over sequences (B, T, C); returns h of every frame (T, B, H), in a tuple."""
    units = cell.units
    # The state's bias can be added to the input's, except the candidate's, which is multiplied by the reset gate.
    x = ops.matmul(sequences, cell.kernel) + cell.bias[0] + ops.pad(cell.bias[1, : 2 * units], ((0, units),))
    x = ops.transpose(ops.reshape(x, (-1, x.shape[1] or ops.shape(x)[1], 3, units)), (1, 2, 0, 3))
    kernel = ops.transpose(ops.reshape(cell.recurrent_kernel, (units, 3, units)), (1, 0, 2))
    return _gru_recurrence(x, h0, kernel, cell.bias[1, 2 * units :])


def _gru_recurrence(x, h0, kernel, bias):
    """Runs the recurrence on `x` (T, 3, B, H), the input's part of z, r and the candidate.

    The kernel is (3, H, H), the candidate's bias (H,). The gates are a leading axis, because slices along the first
    axis are not copied. Returns h of every frame (T, B, H), in a tuple.
    """

    def run(x, h0, kernel, bias):
        def step(state, t):
            (h,), (x_t,) = state, t
            inner = ops.matmul(h[None], kernel)
            zr, inner_n = ops.sigmoid(x_t[:2] + inner[:2]), inner[2] + bias
            n = ops.tanh(x_t[2] + zr[1] * inner_n)
            h = n + zr[0] * (h - n)
            return [h], [h, zr, n, inner_n]

        _, (h, *gates) = _scan(step, (x,), [h0], (h0, x[0, :2], h0, h0))
        return (h,), (h0, kernel, x[0], h, *gates)

    def differentiate(kept, dh):
        h0, kernel, like, h, zr, n, inner_n = kept
        h_before, back_kernel = ops.concatenate([h0[None], h[:-1]], 0), ops.transpose(kernel, (0, 2, 1))

        def back(state, t):
            dh_t, zr_t, n, inner_n, h_before_t = t
            z, r = zr_t[0], zr_t[1]
            dh_all = state[0] + dh_t
            dn = dh_all * (1 - z) * (1 - n * n)
            dz = dh_all * (h_before_t - n) * z * (1 - z)
            dr = dn * inner_n * r * (1 - r)
            d_inner_n = dn * r
            through = [ops.matmul(d, back_kernel[i]) for i, d in enumerate((dz, dr, d_inner_n))]
            return [dh_all * z + through[0] + through[1] + through[2]], [ops.stack([dz, dr, dn]), d_inner_n]

        start, like = [ops.zeros_like(h0)], (like, h0)
        (dh0,), (dx, d_inner_n) = _scan(back, (dh, zr, n, inner_n, h_before), start, like, reverse=True)
        d_kernel = ops.stack([_outer(h_before, part) for part in (dx[:, 0], dx[:, 1], d_inner_n)])
        return dx, dh0, d_kernel, ops.sum(d_inner_n, (0, 1))

    return _with_gradient(run, differentiate)(x, h0, kernel, bias)


def _with_gradient(run: Callable, differentiate: Callable) -> Callable:
    """Builds a differentiable function from a forward pass and a backward pass.

    Args:
        run: takes the inputs; returns the outputs and `kept`, values for the backward pass.
        differentiate: takes `kept` and the gradients of the outputs; returns the gradients of the inputs.
    """
    if keras.backend.backend() == "jax":
        import jax

        differentiable = jax.custom_vjp(lambda *inputs: run(*inputs)[0])
        differentiable.defvjp(run, lambda kept, of_outputs: differentiate(kept, *of_outputs))
        return differentiable
    import tensorflow as tf

    @tf.custom_gradient
    def function(*inputs):
        outputs, kept = run(*inputs)
        return outputs, lambda *of_outputs: differentiate(kept, *of_outputs)

    return function


def _scan(step, elements, start, like, reverse: bool = False):
    """Runs `step(state, element)` along the first axis of a tuple of tensors.

    A step returns a new state and its outputs, which have the shapes and types of the tensors in `like`. Returns the
    last state, and the outputs (T, …) in the order of the elements.
    """
    if keras.backend.backend() == "jax":
        import jax

        return jax.lax.scan(step, start, elements, reverse=reverse)
    import tensorflow as tf

    length = tf.shape(elements[0])[0]
    writes = [tf.TensorArray(x.dtype, length, element_shape=x.shape) for x in like]

    def body(count, state, written):
        t = length - 1 - count if reverse else count
        state, outputs = step(state, tuple(e[t] for e in elements))  # slices along the first axis are not copied
        return count + 1, state, [w.write(t, x) for w, x in zip(written, outputs, strict=True)]

    _, state, written = tf.while_loop(lambda count, *_: count < length, body, [0, start, writes])
    return state, [w.stack() for w in written]


def _outer(a, b):
    """Returns the sum of aᵀ b over time and segments: (I, J) for `a` (T, B, I) and `b` (T, B, J)."""
    return ops.matmul(ops.transpose(ops.reshape(a, (-1, a.shape[-1]))), ops.reshape(b, (-1, b.shape[-1])))
