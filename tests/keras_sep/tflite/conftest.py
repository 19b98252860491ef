"""Float files of two networks, converted once for all tests of this folder. Nobody writes to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_sep.models import BinMemoryUnet, OrUnet
from keras_sep.tflite.converter import to_float32
from keras_sep.tflite.graphs import GRAPHS
from tests.support.networks import FOUR_VIEWS, small_network


@pytest.fixture(scope="session")
def or_unet() -> OrUnet:
    """The paper's network; its weights stay as they are."""
    return small_network(4)


@pytest.fixture(scope="session")
def bin_memory_unet() -> BinMemoryUnet:
    """Our network, which also sees mid and side; its weights stay as they are."""
    return small_network(4, BinMemoryUnet, FOUR_VIEWS)


@pytest.fixture(scope="session")
def float_files(once, or_unet, bin_memory_unet) -> dict[tuple[str, str], bytes]:
    """What `to_float32` makes of them, by class and graph: ("OrUnet", "mask") and the other three."""

    def write(folder: Path) -> None:
        for network in (or_unet, bin_memory_unet):
            for kind, graph in GRAPHS.items():
                (folder / f"{type(network).__name__}-{kind}").write_bytes(to_float32(graph(network)))

    folder = once("float-files", write)
    return {(path.name.split("-")[0], path.name.split("-")[1]): path.read_bytes() for path in folder.iterdir()}
