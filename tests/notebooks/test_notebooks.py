"""The notebooks are run from their first cell to their last, in an empty folder, and their figures are looked at."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.paths import ROOT

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

pytestmark = pytest.mark.slow("runs notebooks")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def run(name: str, folder: Any, check: str) -> str:
    """Runs a notebook and then `check` in its kernel; returns what its cells printed."""
    notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not kept in the repository"
    notebook.cells.append(nbformat.v4.new_code_cell(check))
    nbclient.NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def test_there_are_three():
    assert len(NOTEBOOKS) == 3


def test_separating(tmp_path):
    printed = run(
        "1_separate_and_listen.ipynb", tmp_path, "assert scores['vocals'] > 4 and scores['accompaniment'] > 8"
    )
    assert "separated" in printed
    assert (tmp_path / "stems" / "vocals.wav").exists()


def test_fine_tuning(tmp_path):
    run("2_fine_tune.ipynb", tmp_path, "assert after['vocals'] > before['vocals'], (before, after)")
    assert (tmp_path / "tuned.keras").exists()


def test_converting_and_streaming(tmp_path):
    check = (
        "assert snr['float32'] > 90 and snr['dynamic_int8'] > 20 and np.abs(same - vocals[: len(same)]).max() < 1e-5"
    )
    run("3_convert_and_stream.ipynb", tmp_path, check)
    assert (tmp_path / "base-dynamic_int8.tflite").exists()
