"""The contract of both graphs: names, shapes, what XNNPACK runs, and that they are the network."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from export.verification.ops import delegated
from keras_sep.models import Unet
from keras_sep.signal import OverlapAdd, StreamingStft, magnitude_views
from keras_sep.tflite.drop_unit_reshapes import drop_unit_reshapes
from keras_sep.tflite.graphs import GRAPHS, MaskCore, WaveformGraph
from tests.support.networks import FOUR_VIEWS, SMALL_SPEC, masks_of, small_network, zero_states

OUTSIDE = {"IMAG", "PACK", "REAL", "RESHAPE", "RFFT2D"}  # what XNNPACK has no kernels for, and what joins their results


@pytest.fixture
def shapes(float_files):
    """shapes(network, graph) → shapes of the signature's inputs and outputs, by name."""

    def find(network: str, graph: str) -> tuple[dict[str, tuple], dict[str, tuple]]:
        runner = Interpreter(model_content=float_files[network, graph]).get_signature_runner("step")
        return tuple(
            {name: tuple(map(int, detail["shape"])) for name, detail in details.items()}
            for details in (runner.get_input_details(), runner.get_output_details())
        )

    return find


@pytest.fixture
def delegate(float_files, tmp_path):
    """delegate(network, graph) → what XNNPACK takes over of the file as it is shipped."""

    def find(network: str, graph: str) -> dict:
        path = tmp_path / "x.tflite"
        path.write_bytes(drop_unit_reshapes(float_files[network, graph]))
        return delegated(path)

    return find


def test_names_and_shapes_of_a_mask_core_are_the_contract(shapes, bin_memory_unet):
    states = {f"state_{i}": (1, size) for i, size in enumerate(bin_memory_unet.state_sizes)}
    inputs, outputs = shapes("BinMemoryUnet", "mask")
    assert inputs == {"magnitude": (1, 1, 129, 4), **states}  # four views in, two channels out
    masks = {"vocals_mask": (1, 1, 129, 2), "accompaniment_mask": (1, 1, 129, 2)}
    assert outputs == masks | {f"new_{name}": shape for name, shape in states.items()}


def test_names_and_shapes_of_a_waveform_graph_are_the_contract(shapes, bin_memory_unet):
    states = {f"state_{i}": (1, size) for i, size in enumerate(bin_memory_unet.state_sizes)}
    states |= {"state_samples": (2, 192), "state_overlap": (4, 192)}
    inputs, outputs = shapes("BinMemoryUnet", "waveform")
    assert inputs == {"samples": (1, 64, 2), **states}
    stems = {"vocals": (1, 64, 2), "accompaniment": (1, 64, 2)}
    assert outputs == stems | {f"new_{name}": shape for name, shape in states.items()}


@pytest.mark.parametrize("network", ["OrUnet", "BinMemoryUnet"])
def test_a_mask_core_is_one_partition_of_xnnpack(delegate, network):
    assert delegate(network, "mask") == {"partitions": 1, "outside": {}}


@pytest.mark.parametrize("network", ["OrUnet", "BinMemoryUnet"])
def test_only_the_forward_transform_of_a_waveform_graph_is_outside(delegate, network):
    found = delegate(network, "waveform")
    # Where masks sum to one there is one source less to transform, and nothing to pack.
    outside = sorted(OUTSIDE - {"PACK"} if network == "BinMemoryUnet" else OUTSIDE)
    assert found["outside"] == dict.fromkeys(outside, 1)
    assert found["partitions"] <= 3


@pytest.mark.parametrize("source", FOUR_VIEWS.sources)
@pytest.mark.parametrize("kind", GRAPHS)
def test_a_graph_is_the_network_between_stft_and_overlap_add(bin_memory_unet, music, kind, source):
    """All four views, twelve steps, with states; also of the source that is what the others leave."""
    mixture = music(12 * 64 / 44100)
    spectrum = StreamingStft(FOUR_VIEWS).push(mixture)
    views = magnitude_views(spectrum, FOUR_VIEWS)
    masks = masks_of(bin_memory_unet, views[None])
    graph = GRAPHS[kind](bin_memory_unet)
    states = {name: np.zeros(shape, "f") for name, shape in graph.input_shapes().items() if name.startswith("state_")}
    found = []
    for t in range(12):
        stream = {"magnitude": views[t][None, None], "samples": mixture[None, 64 * t : 64 * (t + 1)]}
        inputs = {name: x for name, x in stream.items() if name in graph.input_shapes()}
        outputs = {name: x.numpy() for name, x in graph.step({**inputs, **states}).items()}
        states = {name: outputs[f"new_{name}"] for name in states}
        found.append(outputs[f"{source}_mask" if kind == "mask" else source][0])
    result = np.concatenate(found)
    expected = masks[f"{source}_mask"][0]
    if kind == "waveform":
        expected = OverlapAdd(FOUR_VIEWS).push(expected * spectrum)
    np.testing.assert_allclose(result, expected, atol=1e-5)
    assert np.abs(result[1:] - expected[:-1]).max() > 1e-3  # a shift is seen


def test_states_are_those_of_the_network(bin_memory_unet):
    shapes = MaskCore(bin_memory_unet).state_shapes()
    assert list(shapes.values()) == [state.shape for state in zero_states(bin_memory_unet)]


def test_a_network_that_is_not_online_is_refused():
    with pytest.raises(ValueError, match=r"expected an online network, which has a step\. Received: 'unet.*'"):
        WaveformGraph(small_network(1, Unet, SMALL_SPEC))
