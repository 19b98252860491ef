"""Every architecture, and variants of the OR-U-Net that none of them has, through the same checks."""

from __future__ import annotations

import functools

import keras
import pytest

from keras_sep.models import ARCHITECTURES, build_network, build_or_unet
from tests.support import model_case
from tests.support.model_case import Case
from tests.support.networks import SMALL_SPEC

# Bins of levels 1 to 3: 64, 32, 16; states are those of the loudness, of skip connections, of the GRU, of the decoder.
STATES = {
    "or_unet": (12,),
    "or_unet_levelled": (2, 2, 12),
    "or_unet_recurrent_skips": (2, 2, 32 * 8, 12),
    "or_unet_sum_to_one": (2, 2, 32 * 8, 12),
    "or_unet_memories": (2, 2, 32 * 72, 12, 32 * 72),
    "unet": None,
    "lstm": (12, 12, 10, 10, 8, 8),
}
MORE = {"unet": {"falls_to": 0.85}, "lstm": {"falls_to": 0.75, "copies_nyquist": False}}
levelled = functools.partial(build_or_unet, levelled=True)
CASES = {
    **{name: Case(build, STATES[name], **MORE.get(name, {})) for name, build in ARCHITECTURES.items()},
    "decoder memories alone": Case(
        functools.partial(levelled, decoder_memories=(1, 3)), (2, 2, 12, 16 * (10 + 6), 64 * (6 + 8))
    ),
    "three memories of 7 units": Case(
        functools.partial(levelled, recurrent_skips=(2, 1), decoder_memories=(2,), memory_units=7),
        (2, 2, 64 * 7, 32 * 7, 12, 32 * 7),
    ),
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
def network(case) -> keras.Model:
    return case.network()


def test_masks_have_the_shape_of_the_magnitude_and_lie_in_0_to_1(case, network):
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


@online
def test_frames_and_chunks_are_the_whole_sequence(network):
    model_case.check_streaming(network)


@online
def test_stateful_chunks_are_the_whole_sequence(case, network):
    model_case.check_stateful(case, network)


@online
def test_a_stateful_network_needs_a_batch_size(case):
    with pytest.raises(ValueError, match=r"stateful model needs a fixed batch_size\. Received: batch_size=None"):
        case.build("tiny", SMALL_SPEC, stateful=True)


def test_a_wrong_size_is_named(case):
    with pytest.raises(ValueError, match=r"size must be one of tiny, s, m, l\. Received: size='xl'"):
        case.build("xl", SMALL_SPEC)


def test_a_wrong_architecture_is_named():
    with pytest.raises(ValueError, match=r"one of or_unet, .*lstm\. Received: architecture='umx'"):
        build_network("umx")


def test_every_architecture_is_a_case():
    assert set(ARCHITECTURES) == set(STATES) <= set(CASES)
