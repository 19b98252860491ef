"""Another Keras backend, in a process without this one: the same weights give the same masks, and `fit` learns."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_sep.models import ARCHITECTURES, load_network
from tests.support.networks import magnitude, masks_of, small_network
from tests.support.paths import ROOT

OTHER = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"
pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec(OTHER) is None, reason=f"{OTHER} is not installed: pip install {OTHER}"
    ),
    pytest.mark.command,
]

# One process runs all of it: what a function of it raises is what its test reads.
CODE = """
import sys
for name in {blocked}:
    sys.modules[name] = None  # as if it were not installed
import traceback
import keras
import numpy as np
from keras_sep.models import BinMemoryUnet, Unet, load_network
from keras_sep.separation import Separation
from keras_sep.teachers import Teacher
from tests.support.networks import FOUR_VIEWS, SMALL_SPEC, song
from training.engine.fused_recurrence import fuse_recurrence
assert keras.backend.backend() == {other!r}


def masks():
    x = np.load("x.npy")
    for name in {networks}:
        np.savez(f"{{name}}.npz", **load_network(f"{{name}}.keras").predict(x, verbose=0))


def with_a_teacher():
    keras.utils.set_random_seed(0)
    x, y = song(frames=8, batch=4)
    network = BinMemoryUnet("tiny", SMALL_SPEC)
    model = Separation(network, Teacher(Unet("tiny", SMALL_SPEC), 3), snr_weight=0.02)
    model.compile(keras.optimizers.Adam(1e-2))
    history = model.fit(x, y, batch_size=2, epochs=6, shuffle=False, validation_data=(x, y), verbose=0).history
    assert history["loss"][-1] < 0.8 * history["loss"][0], history["loss"]
    assert np.all(np.isfinite(history["val_loss"])), history["val_loss"]


def fused():
    x, y = song(frames=8, batch=4, spec=FOUR_VIEWS)
    losses = {{}}
    for fused in (False, True):
        keras.utils.set_random_seed(0)
        network = BinMemoryUnet("tiny", FOUR_VIEWS)
        model = Separation(network)
        if fused:
            fuse_recurrence(network)
            for layer in (network.gru, network.skip_memory.gru, network.decoder_memory.gru):
                assert "inner_loop" in vars(layer)
        model.build((None, 8, 129, 4))
        model.compile(keras.optimizers.Adam(1e-2))
        stream = ((x, y) for _ in range(12))
        losses[fused] = model.fit(stream, steps_per_epoch=2, epochs=6, verbose=0).history["loss"]
    assert losses[True][-1] < 0.8 * losses[True][0], losses
    np.testing.assert_allclose(losses[True], losses[False], rtol=1e-3)


for run in (masks, with_a_teacher, fused):
    try:
        run()
        open(f"{{run.__name__}}.txt", "w").close()
    except Exception:
        open(f"{{run.__name__}}.txt", "w").write(traceback.format_exc())
"""


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    """A folder with networks, their input `x.npy`, and what `CODE` has left in it on the other backend."""
    folder = tmp_path_factory.mktemp("other")
    np.save(folder / "x.npy", magnitude(8, batch=2))
    for name, kind in ARCHITECTURES.items():
        small_network(41, kind).save(folder / f"{name}.keras")
    blocked = ["tensorflow", "tensorboard"] if OTHER == "jax" else ["jax"]
    code = CODE.format(blocked=blocked, other=OTHER, networks=list(ARCHITECTURES))
    environment = {**os.environ, "KERAS_BACKEND": OTHER, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    environment["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"  # compiles twice as fast
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return folder


def test_weights_of_one_backend_give_the_same_masks_in_the_other(other):
    assert (other / "masks.txt").read_text() == ""
    x = np.load(other / "x.npy")
    for name in ARCHITECTURES:
        expected, found = masks_of(load_network(other / f"{name}.keras"), x), np.load(other / f"{name}.npz")
        assert set(found) == set(expected)
        for mask in expected:
            np.testing.assert_allclose(found[mask], expected[mask], atol=1e-4)
            assert np.abs(np.roll(found[mask], 1, axis=2) - expected[mask]).max() > 1e-2  # a shifted bin is seen


def test_fit_with_a_teacher_learns_in_the_other(other):
    assert (other / "with_a_teacher.txt").read_text() == ""


def test_fit_with_the_recurrence_alone_in_its_loop(other):
    assert (other / "fused.txt").read_text() == ""
