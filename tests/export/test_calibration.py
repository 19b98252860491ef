"""Which music calibrates, and the states that belong to it."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from export import calibration as calibration_module
from export.calibration import read_calibration, step_inputs
from export.verification.agreement import probe_signal
from keras_sep.models import BinMemoryUnet
from keras_sep.signal import StreamingStft, magnitude_views
from keras_sep.tflite.graphs import MaskCore
from tests.support.networks import FOUR_VIEWS, SMALL_SPEC, small_network, zero_states


def test_calibration_states_are_those_of_the_stream(small_model):
    module = MaskCore(small_model)
    mixture = probe_signal(SMALL_SPEC, 20)
    inputs = list(step_inputs(module, [mixture, mixture]))
    assert len(inputs) == 2 * 3  # steps 0, 8, 16
    assert all(set(one) == {"magnitude", "state_0"} for one in inputs)
    states = zero_states(small_model)
    for frame in np.abs(StreamingStft(SMALL_SPEC).push(mixture))[:8]:
        _, states = small_model.step(frame[None], states)
    state = np.asarray(states[0])
    np.testing.assert_allclose(inputs[1]["state_0"], state, atol=1e-5)
    assert np.abs(state).max() > 1e-2
    assert not inputs[3]["state_0"].any()  # the second mixture starts from zero


@pytest.fixture
def songs(tmp_path):
    for name in ("a", "b", "c"):
        folder = tmp_path / "train" / "songs" / name
        folder.mkdir(parents=True)
        for source in SMALL_SPEC.sources:
            wave = np.random.default_rng(len(name)).uniform(-0.1, 0.1, (9 * 44100, 2))
            soundfile.write(folder / f"{source}.wav", wave, 44100)
    return tmp_path


def test_calibration_is_read_from_the_middle_of_training_songs(songs):
    found = read_calibration(songs, SMALL_SPEC)
    assert len(found.mixtures) == 2
    assert len(found.check) == calibration_module.SECONDS * 44100
    assert found.about["songs"] == ["a", "b"]
    assert found.about["checked_on"] == "c"
    assert read_calibration(songs, SMALL_SPEC).about == found.about
    soundfile.write(songs / "train/songs/a/vocals.wav", np.zeros((9 * 44100, 2)), 44100)
    assert read_calibration(songs, SMALL_SPEC).about["sha256"] != found.about["sha256"]
    stem = songs / "train/songs/a/vocals.wav"
    soundfile.write(stem, np.zeros((9 * 48000, 2)), 48000)
    with pytest.raises(ValueError, match=r"expected 44100 Hz and 2 channels\. Received: 48000 Hz"):
        read_calibration(songs, SMALL_SPEC)
    stem.unlink()
    with pytest.raises(ValueError, match=r"one file vocals\.\*\. Received: 0"):
        read_calibration(songs, SMALL_SPEC)
    with pytest.raises(ValueError, match=r"two songs or more\. Received: 0"):
        read_calibration(songs / "train", SMALL_SPEC)


def test_a_network_with_four_views_is_calibrated_with_four():
    network = small_network(4, BinMemoryUnet, FOUR_VIEWS)
    mixture = probe_signal(FOUR_VIEWS, 10)
    inputs = list(step_inputs(MaskCore(network), [mixture]))
    views = magnitude_views(StreamingStft(FOUR_VIEWS).push(mixture), FOUR_VIEWS)
    np.testing.assert_array_equal(inputs[1]["magnitude"][0, 0], views[calibration_module.EVERY])
    assert len(inputs[1]) == 1 + len(network.state_sizes)
