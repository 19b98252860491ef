"""`keras_sep.tflite.convert`, by which users make files of their own networks."""

from __future__ import annotations

import numpy as np
import pytest

from keras_sep import ModelFileError, Separator, StreamingSeparator, tflite
from keras_sep.inference import separate
from keras_sep.models import OrUnet, Unet
from keras_sep.runtime import StepModel
from keras_sep.spec import StreamSpec
from keras_sep.tflite import convert
from tests.support.networks import FOUR_VIEWS, small_network


@pytest.fixture
def converted(float_files, monkeypatch):
    """The converter's work has been done already; it is asked for nothing else."""
    monkeypatch.setattr(tflite, "to_float32", lambda graph: float_files[type(graph.network).__name__, graph.kind])


@pytest.mark.usefixtures("converted")
def test_a_file_separates_as_its_network_does(bin_memory_unet, music, tmp_path):
    path = tmp_path / "mine.tflite"
    convert(bin_memory_unet, path, precision="float32", provenance={"songs": ["one"]})
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.tflite"]
    step = StepModel(path)
    assert (step.graph, step.spec) == ("waveform", FOUR_VIEWS)
    assert (step.metadata["name"], step.metadata["provenance"]) == ("mine", {"songs": ["one"]})
    mixture = music(0.3)
    expected = separate(bin_memory_unet, mixture)
    found = Separator(model=path).separate(mixture, 44100)
    for source, stem in expected.items():
        np.testing.assert_allclose(found[source], stem, atol=1e-4)
        assert np.abs(found[source][1:] - stem[:-1]).max() > 1e-2  # a sample's shift is seen


@pytest.mark.slow("converts a network")
def test_the_whole_way(or_unet, music, tmp_path):
    convert(or_unet, tmp_path / "x.tflite", precision="float32")
    mixture = music(0.3)
    expected, found = separate(or_unet, mixture), Separator(model=tmp_path / "x.tflite").separate(mixture, 44100)
    np.testing.assert_allclose(found["vocals"], expected["vocals"], atol=1e-4)


@pytest.mark.slow("converts a network")
def test_a_mono_model_streams_and_is_refused_for_songs(music, tmp_path):
    path = tmp_path / "mono.tflite"
    convert(OrUnet("tiny", spec=StreamSpec(num_channels=1)), path, precision="float32")
    assert StreamingSeparator(model=path).push(music(0.3, num_channels=1))["vocals"].shape[1] == 1
    with pytest.raises(ModelFileError, match=r"mono\.tflite: expected a model of 2 channels\. Received: 1$"):
        Separator(model=path)


@pytest.mark.usefixtures("converted")
def test_a_waveform_graph_in_8_bits_by_default(or_unet, tmp_path):
    convert(or_unet, str(tmp_path / "x.tflite"))
    metadata = StepModel(tmp_path / "x.tflite").metadata
    assert (metadata["graph"], metadata["precision"]) == ("waveform", "dynamic_int8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"graph": "masks"}, r"convert: graph must be one of mask, waveform\. Received: graph='masks'"),
        ({"precision": "int4"}, r"convert: precision must be one of float32, .*int8\. Received: precision='int4'"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(or_unet, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        convert(or_unet, tmp_path / "x.tflite", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_is_not_online_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected an online network"):
        convert(small_network(1, Unet), tmp_path / "x.tflite")
    assert list(tmp_path.iterdir()) == []
