from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_sep.models import BinMemoryUnet, Lstm, LstmConfig, OrUnet, Unet, UnetConfig
from keras_sep.separation import Separation
from tests.support.networks import SMALL_SPEC, magnitude
from training.engine.fused_normalisation import fuse_normalisation

BUILDERS = {
    "or_unet": lambda: OrUnet("tiny", SMALL_SPEC),
    "bin_memory_unet": lambda: BinMemoryUnet("tiny", SMALL_SPEC),
    "unet": lambda: Unet(UnetConfig((4, 6, 8), dropout=0.0), SMALL_SPEC),
    "lstm": lambda: Lstm(LstmConfig((6,)), SMALL_SPEC),
}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="fuse_normalisation acts on TensorFlow only")
@pytest.mark.parametrize("architecture", BUILDERS)
def test_fused_normalisation_trains_alike(architecture, tmp_path):
    x = magnitude(8, batch=2)
    y = {"vocals": 0.3 * x, "accompaniment": 0.7 * x}
    weights, losses = {}, {}
    for fused in (False, True):
        keras.utils.set_random_seed(4)
        model = Separation(BUILDERS[architecture]())
        initial = [weight.copy() for weight in model.network.get_weights()]
        if fused:
            fuse_normalisation(model.network)
        model.compile(keras.optimizers.SGD(0.1), run_eagerly=not fused)  # traced where it is used: that takes a second
        losses[fused] = model.fit(x, y, batch_size=2, epochs=3, shuffle=False, verbose=0).history["loss"]
        weights[fused] = model.network.get_weights()
    np.testing.assert_allclose(losses[True], losses[False], atol=1e-5)
    for a, b, begin in zip(weights[True], weights[False], initial, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)
        assert not np.array_equal(a, begin)  # moving statistics too
    model.network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", compile=False)
    np.testing.assert_allclose(loaded(x)["vocals_mask"], model.network(x)["vocals_mask"], atol=1e-6)
