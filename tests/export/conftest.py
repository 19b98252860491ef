"""The network behind `converted`, and broken files of it. Nobody writes to them: see `copy_files`."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_sep.models import OrUnet
from tests.support.conversion import SEED, as_if_trained, convert_sabotaged


@pytest.fixture(scope="session")
def small_model() -> OrUnet:
    """The network behind `converted`; its weights stay as they are."""
    return as_if_trained(SEED)


@pytest.fixture(scope="session")
def sabotaged_files(once) -> Path:
    """The folder that `convert_sabotaged` fills: five files, and small.json, which lists them."""
    return once("sabotaged", convert_sabotaged)
