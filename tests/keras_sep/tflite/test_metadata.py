from __future__ import annotations

import pytest

from keras_sep.metadata import read_metadata
from keras_sep.spec import StreamSpec
from keras_sep.tflite.flatbuffer import unpack
from keras_sep.tflite.graphs import MaskCore
from keras_sep.tflite.metadata import add_metadata, describe
from tests.support.networks import FOUR_VIEWS
from tests.support.tflite import run_steps

ABOUT = {"format": 1, "name": "é"}


@pytest.fixture
def plain(float_files) -> bytes:
    return float_files["OrUnet", "mask"]


def test_a_file_says_what_it_is(bin_memory_unet, plain):
    about = describe(MaskCore(bin_memory_unet), "mine", "dynamic_int8", {"songs": ["one"]})
    assert (about["name"], about["graph"], about["precision"]) == ("mine", "mask", "dynamic_int8")
    assert about["parameters"] == bin_memory_unet.count_params()
    assert StreamSpec.from_dict(about["spec"]) == FOUR_VIEWS
    found = read_metadata(add_metadata(plain, about))
    assert {name: value for name, value in found.items() if name != "sha256"} == about


def test_without_a_provenance_there_is_an_empty_one(or_unet):
    assert describe(MaskCore(or_unet), "mine", "float32")["provenance"] == {}


def test_metadata_is_replaced_and_nothing_else(plain):
    once = add_metadata(plain, ABOUT)
    twice = add_metadata(add_metadata(plain, {**ABOUT, "name": "another, longer one"}), ABOUT)
    assert read_metadata(once) == read_metadata(twice)
    assert len(unpack(twice).metadata) == len(unpack(once).metadata)
    expected, found = run_steps(plain, 3), run_steps(once, 3)
    assert all((found[name] == value).all() for name, value in expected.items())
