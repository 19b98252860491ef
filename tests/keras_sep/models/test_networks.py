"""Every architecture, and variants with other configurations and views, through the same checks."""

from __future__ import annotations

import dataclasses

import keras
import pytest

from keras_sep.models import ARCHITECTURES, BinMemoryUnet, MaskNetwork, OrUnet, Unet, build_network, load_network
from keras_sep.models.layers.bands import EVERY_BIN
from tests.support import model_case
from tests.support.model_case import Case
from tests.support.networks import FOUR_VIEWS, SMALL_SPEC

# 40 bands; levels 1 to 3 have 20, 10 and 5. States: of the loudness, a skip connection, the bottleneck, the decoder.
STATES = {
    "or_unet": (12,),
    "bin_memory_unet": (2, 2, 10 * 7, 12, 10 * 7),
    "unet": None,
    "lstm": (12, 12, 10, 10, 8, 8),
}
FALLS_TO = {"unet": 0.85, "lstm": 0.8}


def other(kind: type[MaskNetwork], **options) -> object:
    return dataclasses.replace(kind.SIZES["tiny"], **options)


CASES = {
    **{name: Case(kind, STATES[name], FALLS_TO.get(name, 0.65)) for name, kind in ARCHITECTURES.items()},
    "memories at the lowest level": Case(
        BinMemoryUnet, (2, 2, 5 * 8, 12, 5 * 8), 0.7, other(BinMemoryUnet, memory_level=3, memory_units=8)
    ),
    "first release's": Case(
        BinMemoryUnet, (2, 2, 32 * 7, 12, 32 * 7), config=other(BinMemoryUnet, bands=EVERY_BIN, skip_dc=False)
    ),
    "four views": Case(BinMemoryUnet, STATES["bin_memory_unet"], 0.7, spec=FOUR_VIEWS),
    "unet of four views": Case(Unet, None, FALLS_TO["unet"], spec=FOUR_VIEWS),
}
online = pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if case.states is not None], indirect=True, scope="module"
)


@pytest.fixture(scope="module", params=CASES)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def case(name) -> Case:
    return CASES[name]


@pytest.fixture(scope="module")
def network(case) -> MaskNetwork:
    return case.network()


def test_masks_have_the_shape_of_the_channels_and_lie_in_0_to_1(case, network):
    model_case.check_masks(case, network)


def test_masks_depend_on_the_past_and_on_the_future_unless_it_is_online(case, network):
    model_case.check_time(case, network)


def test_its_configuration_describes_it(case, network):
    model_case.check_config(case, network)


def test_a_saved_network_is_the_same(case, network, tmp_path):
    model_case.check_saving(case, network, tmp_path)


def test_training_changes_every_weight_and_lowers_the_loss(case):
    model_case.check_training(case, case.network())


def test_a_step_has_the_states_of_the_network_in_order(case, network):
    model_case.check_states(case, network)


def test_its_summary_shows_every_layer(network):
    lines: list[str] = []
    network.summary(print_fn=lambda line, **_: lines.append(line))
    printed = "".join(lines)
    assert all(layer.name in printed for layer in network.layers)


@online
def test_frames_and_chunks_are_the_whole_sequence(case, network):
    model_case.check_streaming(case, network)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_wrong_size_is_named(architecture):
    with pytest.raises(ValueError, match=r"size must be one of tiny, s, m, l\. Received: size='xl'"):
        build_network(architecture, "xl", SMALL_SPEC)
    with pytest.raises(ValueError, match=r"size must be one of tiny, s, m, l\. Received: size=\('tiny',\)"):
        build_network(architecture, ("tiny",), SMALL_SPEC)


def test_the_configuration_of_another_network_is_refused():
    """Also of one with more fields: its file could not be loaded."""
    with pytest.raises(ValueError, match=r"OrUnet: size must be one of .* Received: size=BinMemoryUnetConfig"):
        OrUnet(BinMemoryUnet.SIZES["tiny"], SMALL_SPEC)
    with pytest.raises(ValueError, match=r"BinMemoryUnet: size must be one of .* Received: size=OrUnetConfig"):
        BinMemoryUnet(OrUnet.SIZES["tiny"], SMALL_SPEC)


def test_a_wrong_architecture_is_named():
    with pytest.raises(ValueError, match=r"one of or_unet, .*lstm\. Received: architecture='umx'"):
        build_network("umx")


def test_a_file_of_something_else_is_refused(tmp_path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match=r"other\.keras: expected a network of keras_sep\. Received: Sequential"):
        load_network(tmp_path / "other.keras")


def test_every_architecture_is_a_case():
    assert set(ARCHITECTURES) == set(STATES) <= set(CASES)
