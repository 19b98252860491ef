"""A sound library of the tests' own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def sounddevice(tmp_path, monkeypatch) -> Callable[[str], None]:
    """sounddevice(code): the module of this name, for this process and those it starts."""
    folder = tmp_path / "lib"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", os.fspath(folder), prepend=os.pathsep)
    monkeypatch.setitem(sys.modules, "sounddevice", None)  # so that it is forgotten again, or the real one is back

    def write(code: str) -> None:
        sys.modules.pop("sounddevice", None)
        (folder / "sounddevice.py").write_text(code)

    return write
