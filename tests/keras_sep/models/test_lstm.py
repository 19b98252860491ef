"""The LSTM baseline; what every network has to do: test_networks.py."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from export.accuracy.agreement import probe_signal
from export.conversion.convert import convert
from keras_sep import Separator, StreamingSeparator
from keras_sep.inference import separate
from keras_sep.models import Lstm
from tests.support.networks import SMALL_SPEC, small_network


def test_size_m_is_the_paper_s():
    network = Lstm("m")
    recurrent = [layer for layer in network._flatten_layers() if isinstance(layer, keras.layers.LSTM)]
    assert recurrent == network.lstms
    assert [layer.units for layer in recurrent] == [256, 256, 256]
    assert all(layer.return_sequences for layer in recurrent)
    dense = [layer for layer in network._flatten_layers() if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [320 * 2 * 2]  # one fully connected layer: bands, channels, sources
    lstms = sum(4 * 256 * (inputs + 256 + 1) for inputs in (640, 256, 256))
    assert network.count_params() == lstms + 1280 * (256 + 1) + 4 * 640 + 4 * 256


@pytest.mark.slow("converts LSTM layers to four files")
def test_the_files_are_keras(tmp_path):
    """The file through the user's API against Keras, whole and in blocks; float32 within 1e-4, the other by its SNR."""
    network = small_network(8, Lstm)
    files = convert(network, tmp_path, "lstm")
    converted = {(file["graph"], file["precision"]): tmp_path / file["file"] for file in files}
    assert set(converted) == {(g, p) for g in ("mask", "waveform") for p in ("float32", "dynamic_int8")}
    mixture = probe_signal(SMALL_SPEC, num_frames=60)
    expected = separate(network, mixture)["vocals"]
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
