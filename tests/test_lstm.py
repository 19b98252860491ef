from __future__ import annotations

import keras
import numpy as np
import pytest

from export.convert import convert
from export.verification.agreement import probe_signal
from keras_sep import Separator, StreamingSeparator
from keras_sep.models import LstmConfig, build_lstm, load_network
from keras_sep.offline import separate
from keras_sep.streaming import build_chunk, build_step, reset_state
from tests.test_or_unet import SMALL_SPEC, magnitude
from tests.test_streaming import run_chunks, run_steps

SMALL_LSTM = LstmConfig((12, 10, 8))
FRAMES = 24


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """As after training: normalisation and states matter."""
    keras.utils.set_random_seed(8)
    model = build_lstm(SMALL_LSTM, SMALL_SPEC)
    rng = np.random.default_rng(8)
    for variable in model.weights:
        if "norm" in variable.path:
            variable.assign(variable + rng.uniform(0, 0.5, variable.shape))
        if "recurrent_kernel" in variable.path or "mask_dense" in variable.path:
            variable.assign(variable * 2)
    return model


def masks_of(model: keras.Model, x: np.ndarray) -> np.ndarray:
    return model.predict(x, verbose=0)["vocals_mask"]


def test_size_m_is_the_paper_s():
    model = build_lstm("m")
    recurrent = [layer for layer in model.layers if isinstance(layer, keras.layers.LSTM)]
    assert [layer.units for layer in recurrent] == [256, 256, 256]
    assert all(layer.return_sequences for layer in recurrent)
    dense = [layer for layer in model.get_layer("decoder").layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [1025 * 2 * 2]  # one fully connected layer: bins, channels, sources
    lstms = sum(4 * 256 * (inputs + 256 + 1) for inputs in (2050, 256, 256))
    assert model.count_params() == lstms + 4100 * (256 + 1) + 4 * 2050 + 4 * 256


def test_masks_have_the_shape_of_the_magnitude_and_lie_in_0_to_1(model):
    x = magnitude(7, batch=2)
    masks = model.predict(x, verbose=0)
    assert set(masks) == {"vocals_mask", "accompaniment_mask"}
    for mask in masks.values():
        assert mask.shape == x.shape
        assert mask.min() >= 0
        assert mask.max() <= 1
        assert mask.std() > 1e-3


def test_masks_depend_on_the_past_and_not_on_the_future(model):
    x = magnitude(9)
    changed = x.copy()
    changed[:, 4] += 1.0
    a, b = masks_of(model, x), masks_of(model, changed)
    np.testing.assert_allclose(a[:, :4], b[:, :4], atol=1e-6)
    assert np.abs(a[:, 5:] - b[:, 5:]).max() > 1e-4


def test_step_and_chunk_are_the_whole_sequence(model):
    x = magnitude(FRAMES)
    expected = masks_of(model, x)
    step, chunk = build_step(model), build_chunk(model)
    assert [t.name for t in step.inputs if t.name.startswith("state")] == [f"state_{i}" for i in range(6)]
    np.testing.assert_allclose(run_steps(step, x), expected, atol=1e-5)
    np.testing.assert_allclose(run_chunks(chunk, x, (8, 16)), expected, atol=1e-5)
    # Negative controls: dropped states are seen.
    assert np.abs(run_steps(step, x, carry=False) - expected).max() > 1e-3
    assert np.abs(run_chunks(chunk, x, (8, 16), carry=False) - expected).max() > 1e-3


def test_stateful_chunks_are_the_whole_sequence(model):
    stateful, x = build_lstm(SMALL_LSTM, SMALL_SPEC, stateful=True, batch_size=1), magnitude(FRAMES)
    stateful.set_weights(model.get_weights())
    expected = masks_of(model, x)

    def halves() -> np.ndarray:
        return np.concatenate([masks_of(stateful, half) for half in np.split(x, 2, axis=1)], axis=1)

    np.testing.assert_allclose(halves(), expected, atol=1e-5)
    assert np.abs(halves() - expected).max() > 1e-3  # without a reset the past song is remembered
    reset_state(stateful)
    np.testing.assert_allclose(halves(), expected, atol=1e-5)


def test_save_and_load(model, tmp_path):
    model.save(tmp_path / "m.keras")
    x = magnitude(4)
    np.testing.assert_allclose(masks_of(load_network(tmp_path / "m.keras"), x), masks_of(model, x), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"size": "xl"}, "size must be one of s, m, l"), ({"stateful": True}, "batch_size")],
)
def test_what_cannot_be_built_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_lstm(**arguments)


@pytest.fixture(scope="module")
def converted(model, tmp_path_factory):
    out = tmp_path_factory.mktemp("converted")
    files = convert(model, SMALL_SPEC, out, "lstm")
    return {(file["graph"], file["precision"]): out / file["file"] for file in files}


def test_the_files_are_keras(converted, model):
    """The file through the user's API against Keras, whole and in blocks; float32 within 1e-4, int8 by its SNR."""
    assert set(converted) == {(g, p) for g in ("mask", "waveform") for p in ("float32", "dynamic_int8")}
    mixture = probe_signal(SMALL_SPEC, num_frames=60)
    expected = separate(model, mixture, SMALL_SPEC)["vocals"]
    for (_, precision), path in converted.items():
        whole = Separator(model=path).separate(mixture, SMALL_SPEC.sample_rate)["vocals"]
        if precision == "float32":
            np.testing.assert_allclose(whole, expected, atol=1e-4)
            assert np.abs(whole[1:] - expected[:-1]).max() > 1e-2  # a sample's shift is seen
        else:
            assert 20 < 10 * np.log10(np.sum(expected**2) / np.sum((whole - expected) ** 2)) < 100  # float32: 130
        streaming = StreamingSeparator(model=path)
        blocks = [streaming.push(mixture[start : start + 480])["vocals"] for start in range(0, len(mixture), 480)]
        blocks = np.concatenate([*blocks, streaming.flush()["vocals"]])
        np.testing.assert_array_equal(blocks[streaming.algorithmic_latency :][: len(whole)], whole)
