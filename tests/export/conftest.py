"""The small network's files, converted once for all tests of this folder. Nobody writes to them: see `copy_files`."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_sep.models import OrUnet
from tests.support.conversion import SEED, as_if_trained, convert_sabotaged, convert_small
from tests.support.peers import write_peers


@pytest.fixture(scope="session")
def small_model() -> OrUnet:
    """The network behind `converted`; its weights stay as they are."""
    return as_if_trained(SEED)


@pytest.fixture(scope="session")
def converted(once) -> Path:
    """The folder that `convert_small` fills: small.json, small.keras and nine files."""
    return once("converted", convert_small)


@pytest.fixture(scope="session")
def sabotaged_files(once) -> Path:
    """The folder that `convert_sabotaged` fills: five files, and small.json, which lists them."""
    return once("sabotaged", convert_sabotaged)


@pytest.fixture(scope="session")
def idle_peers(once) -> Path:
    """A folder of peers whose networks change nothing."""
    return once("idle-peers", write_peers)
