"""The LSTM baseline; what every network has to do: test_networks.py."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from export.convert import convert
from export.verification.agreement import probe_signal
from keras_sep import Separator, StreamingSeparator
from keras_sep.models import build_lstm
from keras_sep.offline import separate
from tests.support.networks import SMALL_SPEC, lstm_as_if_trained


def test_size_m_is_the_paper_s():
    model = build_lstm("m")
    recurrent = [layer for layer in model.layers if isinstance(layer, keras.layers.LSTM)]
    assert [layer.units for layer in recurrent] == [256, 256, 256]
    assert all(layer.return_sequences for layer in recurrent)
    dense = [layer for layer in model.get_layer("decoder").layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [1025 * 2 * 2]  # one fully connected layer: bins, channels, sources
    lstms = sum(4 * 256 * (inputs + 256 + 1) for inputs in (2050, 256, 256))
    assert model.count_params() == lstms + 4100 * (256 + 1) + 4 * 2050 + 4 * 256


@pytest.mark.slow("converts LSTM layers to four files")
def test_the_files_are_keras(tmp_path):
    """The file through the user's API against Keras, whole and in blocks; float32 within 1e-4, int8 by its SNR."""
    model = lstm_as_if_trained(8)
    files = convert(model, SMALL_SPEC, tmp_path, "lstm")
    converted = {(file["graph"], file["precision"]): tmp_path / file["file"] for file in files}
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
