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

from keras_sep.models import build_lstm, build_or_unet, build_unet
from tests.test_lstm import SMALL_LSTM
from tests.test_or_unet import SMALL, SMALL_SPEC, as_if_trained, magnitude
from tests.test_unet import SMALL_UNET

ROOT = Path(__file__).parents[1]
OTHER = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec(OTHER) is None, reason=f"{OTHER} is not installed: pip install {OTHER}"
)

PREAMBLE = """
import sys
for name in {blocked}:
    sys.modules[name] = None  # as if it were not installed
import keras
import numpy as np
assert keras.backend.backend() == {other!r}
"""

PREDICT = """
from keras_sep.models import load_network
x = np.load("x.npy")
for name in ("or_unet", "recurrent_skips", "unet", "lstm"):
    masks = load_network(f"{name}.keras").predict(x, verbose=0)
    np.savez(f"{name}.npz", **masks)
"""

FIT = """
from keras_sep.models import build_or_unet, build_unet
from keras_sep.separation import Separation
from keras_sep.teachers import Teacher
from tests.test_or_unet import SMALL, SMALL_SPEC
from tests.test_teachers import song
from tests.test_unet import SMALL_UNET
keras.utils.set_random_seed(0)
x, y = song(frames=16, batch=4)
network = build_or_unet(SMALL, SMALL_SPEC, levelled=True, recurrent_skips=(1,))
model = Separation(network, teacher=Teacher(build_unet(SMALL_UNET, SMALL_SPEC)), carry_batch=2)
model.compile(keras.optimizers.Adam(1e-2))
chunks = {"magnitude": x, "carry": np.array([0, 0, 1, 1], "float32")}
history = model.fit(chunks, y, batch_size=2, epochs=6, shuffle=False, validation_data=(x, y), verbose=0).history
print(history["loss"], history["val_loss"])
assert history["loss"][-1] < 0.8 * history["loss"][0]
assert np.all(np.isfinite(history["val_loss"]))
"""

WAVEFORMS = """
from keras_sep.models import build_or_unet
from tests.test_or_unet import SMALL, SMALL_SPEC
from training.recurrence import fuse_recurrence
from training.waveforms import WaveformSeparation
keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
x = {"waveforms": rng.standard_normal((4, 3, 2, 19 * 64)).astype("float32")}
x["waveforms"][:, 0] = np.sin(np.arange(19 * 64) / 3)
x["curves"] = np.ones((4, 3, 2, 129), "float32") * np.array([1, 0.1, 0.0001], "float32")[:, None, None]
losses = {}
for fused in (False, True):
    keras.utils.set_random_seed(0)
    model = WaveformSeparation(build_or_unet(SMALL, SMALL_SPEC, levelled=True, recurrent_skips=(1,)), spec=SMALL_SPEC)
    if fused:
        fuse_recurrence(model.network)
        assert "inner_loop" in vars(model.network.get_layer("gru"))
    model.build((None, 16, 129, 2))
    model.compile(keras.optimizers.Adam(1e-2))
    stream = ((x,) for _ in range(12))
    losses[fused] = model.fit(stream, steps_per_epoch=2, epochs=6, verbose=0).history["loss"]
print(losses)
assert losses[True][-1] < 0.8 * losses[True][0]
np.testing.assert_allclose(losses[True], losses[False], rtol=1e-3)
"""


def run_in_the_other(code: str, folder: Path) -> None:
    blocked = ["tensorflow", "tensorboard"] if OTHER == "jax" else ["jax"]
    code = PREAMBLE.format(blocked=blocked, other=OTHER) + code
    environment = {**os.environ, "KERAS_BACKEND": OTHER, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    environment["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"  # compiles twice as fast
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr[-3000:]


def test_weights_of_one_backend_give_the_same_masks_in_the_other(tmp_path):
    keras.utils.set_random_seed(41)
    networks = {
        "or_unet": as_if_trained(41),
        "recurrent_skips": build_or_unet(SMALL, SMALL_SPEC, levelled=True, recurrent_skips=(1,)),
        "unet": build_unet(SMALL_UNET, SMALL_SPEC),
        "lstm": build_lstm(SMALL_LSTM, SMALL_SPEC),
    }
    x = magnitude(16, batch=2)
    np.save(tmp_path / "x.npy", x)
    for name, network in networks.items():
        network.save(tmp_path / f"{name}.keras")
    run_in_the_other(PREDICT, tmp_path)
    for name, network in networks.items():
        expected, found = network.predict(x, verbose=0), np.load(tmp_path / f"{name}.npz")
        assert set(found) == set(expected)
        for mask in expected:
            np.testing.assert_allclose(found[mask], expected[mask], atol=1e-4)
            assert np.abs(np.roll(found[mask], 1, axis=2) - expected[mask]).max() > 1e-2  # a shifted bin is seen


def test_fit_with_a_teacher_and_carried_state_learns_in_the_other(tmp_path):
    run_in_the_other(FIT, tmp_path)


def test_fit_on_waveforms_with_the_recurrence_alone_in_its_loop(tmp_path):
    run_in_the_other(WAVEFORMS, tmp_path)
