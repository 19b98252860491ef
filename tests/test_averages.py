from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_sep.models import build_network, build_or_unet, load_network
from keras_sep.models.averages import AveragesCell
from keras_sep.models.framewise import moving_averages
from keras_sep.streaming import build_chunk, build_step, reset_state
from tests.test_or_unet import SMALL, SMALL_SPEC, magnitude
from tests.test_streaming import run_chunks, run_steps

FRAMES, TIMES = 30, (2, 50)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(4)
    return build_or_unet(SMALL, SMALL_SPEC, time_constants=TIMES)


@pytest.fixture(scope="module")
def expected(model) -> np.ndarray:
    return model.predict(magnitude(FRAMES), verbose=0)["vocals_mask"]


def test_averages_are_those_of_their_definition():
    x = np.random.default_rng(1).uniform(0, 1, (2, 9, 258)).astype(np.float32)
    found = np.asarray(moving_averages(SMALL_SPEC, TIMES)(x)).reshape(2, 9, 258, 2)
    for k, time_constant in enumerate(TIMES):
        for t in range(9):
            weights = np.exp(-np.arange(t, -1, -1) / time_constant)
            expected = np.average(x[:, : t + 1], axis=1, weights=weights)
            np.testing.assert_allclose(found[:, t, :, k], expected, atol=1e-6)


def test_frames_steps_and_chunks_agree(model, expected):
    x = magnitude(FRAMES)
    np.testing.assert_allclose(run_steps(build_step(model), x), expected, atol=1e-5)
    np.testing.assert_allclose(run_chunks(build_chunk(model), x, (1, 12)), expected, atol=1e-5)
    assert np.abs(run_steps(build_step(model), x, carry=False) - expected).max() > 1e-3


def test_the_states_of_the_averages_come_first(model):
    step, chunk = build_step(model, batch_size=2), build_chunk(model, batch_size=2)
    size = SMALL_SPEC.num_bins * SMALL_SPEC.num_channels * len(TIMES)
    for built in (step, chunk):
        shapes = {t.name: t.shape for t in built.inputs if t.name.startswith("state")}
        assert shapes == {"state_0": (2, size), "state_1": (2, len(TIMES)), "state_2": (2, SMALL.gru_units)}
        assert {name: built.output[f"new_{name}"].shape for name in shapes} == shapes


def test_a_stateful_model_goes_on(model, expected):
    stateful = build_or_unet(SMALL, SMALL_SPEC, time_constants=TIMES, stateful=True, batch_size=1)
    stateful.set_weights(model.get_weights())
    x = magnitude(FRAMES)
    for _ in range(2):
        parts = [stateful.predict(part, verbose=0)["vocals_mask"] for part in np.split(x, [11], axis=1)]
        np.testing.assert_allclose(np.concatenate(parts, axis=1), expected, atol=1e-5)
        reset_state(stateful)


def test_a_saved_network_is_the_same(model, expected, tmp_path):
    model.save(tmp_path / "network.keras")
    loaded = load_network(tmp_path / "network.keras")
    np.testing.assert_allclose(loaded.predict(magnitude(FRAMES), verbose=0)["vocals_mask"], expected, atol=1e-6)


def test_averages_stay_in_float32_beside_bfloat16():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = build_or_unet(SMALL, SMALL_SPEC, time_constants=TIMES)
        layer = model.get_layer("averages")
        assert layer.output.dtype == layer.cell.compute_dtype == "float32"
        assert np.isfinite(model.predict(magnitude(4), verbose=0)["vocals_mask"]).all()
    finally:
        keras.mixed_precision.set_global_policy("float32")


def test_the_architecture_is_the_or_unet_with_more_channels_at_the_input():
    plain, model = build_network("or_unet", "s"), build_network("or_unet_averages", "s")
    assert model.get_layer("encoder").get_layer("down_1_conv").kernel.shape[1] == 10  # 2 and 2 for each of four
    assert 1.0 < model.count_params() / plain.count_params() < 1.01


@pytest.mark.parametrize("times", [(), (2, 0), (-1,)])
def test_bad_time_constants_are_refused(times):
    with pytest.raises(ValueError, match="time_constants must be above 0"):
        AveragesCell(4, times)


def test_long_silence_leaves_no_subnormal_numbers():
    cell = AveragesCell(3, (0.5, 2))
    states = [np.full((1, 6), 2.0, np.float32), np.ones((1, 2), np.float32)]
    for _ in range(400):
        averages, states = cell(np.zeros((1, 3), np.float32), states)
    assert np.asarray(averages).max() < 1e-10
    assert np.asarray(states[0]).min() > np.finfo(np.float32).tiny
