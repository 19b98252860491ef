from __future__ import annotations

import re

import pytest

from export.accuracy.gates import MIN_SNR_DB
from keras_sep.errors import ModelFileError
from keras_sep.metadata import read_metadata
from keras_sep.presets import DEFAULT_PRESET, presets
from keras_sep.spec import StreamSpec
from keras_sep.store import ASSETS
from tests.support.paths import GOLDEN


def test_the_spec_travels_in_every_file():
    for graph in ("mask", "waveform"):
        metadata = read_metadata((GOLDEN / f"unit-{graph}-float32.tflite").read_bytes())
        assert metadata["graph"] == graph
        assert "views" not in metadata["spec"]  # a file of the first release
        assert StreamSpec.from_dict(metadata["spec"]) == StreamSpec()
        metadata = read_metadata((GOLDEN / f"views-{graph}-float32.tflite").read_bytes())
        assert metadata["graph"] == graph
        assert StreamSpec.from_dict(metadata["spec"]) == StreamSpec(views=("left", "right", "mid", "side"))


def test_every_damaged_byte_is_noticed():
    content = (GOLDEN / "unit-mask-float32.tflite").read_bytes()
    for position in range(0, len(content), 61):
        damaged = bytearray(content)
        damaged[position] ^= 0x40
        with pytest.raises(ModelFileError):
            read_metadata(bytes(damaged))


@pytest.mark.parametrize("keep", [0, 4, 8, 100, 1000, 5000, -1])
def test_a_cut_off_file_is_noticed(keep):
    content = (GOLDEN / "unit-mask-float32.tflite").read_bytes()
    with pytest.raises(ModelFileError):
        read_metadata(content[:keep])


def test_the_default_comes_first():
    assert next(iter(presets())) == DEFAULT_PRESET


@pytest.mark.parametrize("name", presets())
def test_weights_trained_on_recordings_for_non_commercial_use_say_so(name):
    credits = (ASSETS / f"{name}.LICENSE").read_text(encoding="utf-8")
    free = presets()[name].provenance["data"]["licences"] == "free"
    non_commercial = re.search(r"files?, CC BY-NC", credits) is not None
    assert ("-NC" in presets()[name].licence) == non_commercial == (not free)


def test_all_presets_together_are_small():
    assert sum(path.stat().st_size for path in ASSETS.iterdir() if path.is_file()) <= 25e6


def test_presets_are_whole_and_say_what_they_are():
    for preset in presets().values():
        assert preset.licence
        assert preset.provenance["commit"]
        for file in preset.files:
            metadata = read_metadata(file.path().read_bytes())  # path() checks the SHA-256
            assert (metadata["graph"], metadata["precision"]) == (file.graph, file.precision)
            assert StreamSpec.from_dict(metadata["spec"]) == preset.spec
            assert metadata["parameters"] == preset.parameters
            assert file.path().stat().st_size == file.bytes
            # As measured when the file was made, against the Keras model it was made from.
            assert file.agreement["snr_db"] >= MIN_SNR_DB[file.precision]
