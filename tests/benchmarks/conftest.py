"""Files to measure, converted once for all tests of this folder. Nobody writes to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.conversion import copy_files, entry, read_list, write_list
from tests.support.measured import SDR
from tests.support.peers import write_peers


@pytest.fixture(scope="session")
def idle_peers(once) -> Path:
    """A folder of peers whose networks change nothing."""
    return once("idle-peers", write_peers)


@pytest.fixture(scope="session")
def models(converted, tmp_path_factory) -> Path:
    """A folder of `convert` with the files in float32, one of which has been scored."""
    out = copy_files(converted, tmp_path_factory.mktemp("models"), lambda file: file["precision"] == "float32")
    summary = read_list(out)
    entry(summary, "mask", "float32")["verification"] = {"passed": True, "sdr_db": SDR, "keras_sdr_db": SDR}
    write_list(out, {**summary, "provenance": {"model": {"size": "m"}}}, summary["files"])
    (out / "another.json").write_text('{"a list": "of something else"}')
    assert len(summary["files"]) == 3
    return out


@pytest.fixture
def error_line(capsys) -> Callable[[], str]:
    """error_line() → all that has been printed so far: one line that begins with "error: "."""

    def read() -> str:
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        assert err.startswith("error: ")
        return err

    return read
