from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from keras_sep import list_presets
from keras_sep.errors import ModelFileError
from keras_sep.models import BinMemoryUnet, Lstm, OrUnet
from keras_sep.presets import DEFAULT_PRESET, get_preset, presets
from tests.support.networks import SMALL_SPEC


def test_presets_are_listed_with_the_default_first():
    names = [preset.name for preset in list_presets()]
    assert names[0] == DEFAULT_PRESET
    assert len(set(names)) == len(names) >= 3


def test_a_saved_network_is_loaded_by_its_class(tmp_path):
    network = OrUnet("tiny", SMALL_SPEC)
    network.save(tmp_path / "n.keras")
    loaded = OrUnet.from_preset(tmp_path / "n.keras")
    assert type(loaded) is OrUnet
    for old, new in zip(network.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(ValueError, match=r"Lstm: expected a network of this class\. Received: .*n\.keras, OrUnet"):
        Lstm.from_preset(tmp_path / "n.keras")


def test_presets_without_a_keras_network_and_unknown_ones_are_named(monkeypatch):
    monkeypatch.setitem(presets(), "bare", dataclasses.replace(get_preset(DEFAULT_PRESET), name="bare", network={}))
    with pytest.raises(ModelFileError, match=r"preset bare: expected one with a Keras network\. Received: none"):
        OrUnet.from_preset("bare")
    with pytest.raises(ModelFileError, match="unknown preset 'nobody'"):
        OrUnet.from_preset("nobody")


@pytest.mark.whole_size
def test_the_default_is_loaded_with_the_weights_of_its_file():
    network = BinMemoryUnet.from_preset(DEFAULT_PRESET)
    assert network.spec == get_preset(DEFAULT_PRESET).spec
    assert network.count_params() == get_preset(DEFAULT_PRESET).parameters
