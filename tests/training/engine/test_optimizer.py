"""Muon: what one step of it does to each kind of variable."""

from __future__ import annotations

import inspect

import keras
import numpy as np
import pytest

from keras_sep.models import BinMemoryUnet, Lstm, OrUnet, Unet
from tests.support.networks import SMALL_SPEC
from training.engine.optimizer import Muon

RATE = 0.01


@pytest.fixture(scope="module")
def changes() -> dict[str, np.ndarray]:
    """path → what one step with random gradients, the same for both optimisers, adds to each variable."""
    network = BinMemoryUnet("tiny", SMALL_SPEC)
    variables, rng = network.trainable_variables, np.random.default_rng(0)
    before = [keras.ops.convert_to_numpy(v) for v in variables]
    gradients = [rng.standard_normal(v.shape).astype(np.float32) for v in variables]
    result = {}
    for kind in (Muon, keras.optimizers.Adam):
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        kind(RATE).apply_gradients(
            (keras.ops.convert_to_tensor(g), v) for g, v in zip(gradients, variables, strict=True)
        )
        for variable, value in zip(variables, before, strict=True):
            result[f"{kind.__name__}:{variable.path}"] = keras.ops.convert_to_numpy(variable) - value
    return result


def _singular_values(matrix: np.ndarray) -> np.ndarray:
    """As Muon means them: 1 where its steps are orthogonal."""
    return np.linalg.svd(matrix, compute_uv=False) / (RATE * 0.2 * max(matrix.shape) ** 0.5)


@pytest.mark.parametrize(
    ("name", "gates"), [("up_2/block/conv/kernel", 1), ("expand/kernel", 1), ("gru_cell/kernel", 3)]
)
def test_kernels_move_by_orthogonal_matrices(changes, name, gates):
    paths = [path for path in changes if path.endswith(name)]
    assert {path.split(":")[0] for path in paths} == {"Muon", "Adam"}
    for path in paths:
        matrices = np.split(changes[path].reshape(-1, changes[path].shape[-1]), gates, axis=-1)
        values = np.concatenate([_singular_values(matrix) for matrix in matrices])
        # The iteration brings them near 1, all but the least. Adam's, the negative control, are spread.
        assert (np.quantile(values, 0.1) > 0.5 and values.max() < 1.3) == path.startswith("Muon"), path


def test_everything_else_moves_as_by_adam(changes):
    names = ("norm/gamma", "norm/beta", "bias", "/mask/kernel")
    paths = [path for path in changes if path.startswith("Muon") and path.endswith(names)]
    assert len(paths) > 8
    for path in paths:
        np.testing.assert_allclose(changes[path], changes[path.replace("Muon", "Adam")], atol=1e-6, err_msg=path)


@pytest.mark.parametrize(
    ("kind", "cell", "gates"),
    [(OrUnet, "gru_cell/", 3), (BinMemoryUnet, "gru_cell/", 3), (Lstm, "lstm_cell/", 4), (Unet, "", 1)],
)
def test_the_last_layer_of_any_network_is_adams_and_gates_are_told_apart(kind, cell, gates):
    variables, optimizer = kind("tiny", SMALL_SPEC).trainable_variables, Muon(RATE)
    optimizer.build(variables)
    kernels = {v.path: i for i, v in enumerate(variables) if v.path.endswith("kernel")}
    by_adam = {path for path, i in kernels.items() if optimizer._muon_momentums[i] is None}
    assert len(by_adam) == 1
    assert by_adam.pop().endswith("/mask/kernel")
    cells = [i for path, i in kernels.items() if cell and cell in path]
    assert bool(cells) == bool(cell)
    assert all(optimizer._num_matrices[i] == (gates if i in cells else 1) for i in kernels.values())


def test_a_matrix_moves_as_by_keras():
    """Keras' own, where it has one that takes steps of Adam's size."""
    if "rms_rate" not in inspect.signature(getattr(keras.optimizers, "Muon", dict).__init__).parameters:
        pytest.skip("Keras has no Muon with rms_rate")
    rng = np.random.default_rng(0)
    start = rng.standard_normal((12, 30)).astype(np.float32)
    ours, theirs = (keras.Variable(start, name="kernel") for _ in range(2))
    optimizers = (Muon(RATE), keras.optimizers.Muon(RATE, weight_decay=None, adam_weight_decay=None))
    for _ in range(3):
        gradient = keras.ops.convert_to_tensor(rng.standard_normal(start.shape).astype(np.float32))
        for optimizer, variable in zip(optimizers, (ours, theirs), strict=True):
            optimizer.apply_gradients([(gradient, variable)])
    values = [keras.ops.convert_to_numpy(variable) for variable in (ours, theirs)]
    np.testing.assert_allclose(values[0], values[1], atol=1e-6)
    assert np.abs(values[0] - start).max() > RATE
