"""Files of a folder beside the shipped ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks import __main__ as cli
from benchmarks.measure import compared_steps
from benchmarks.measure.measured_files import shipped
from benchmarks.measure.rounds import measure_in_rounds
from keras_sep.presets import DEFAULT_PRESET
from keras_sep.store import ASSETS
from tests.support.paths import GOLDEN

REFERENCE = {"sgemm_gflops": 100.0, "sgemm_range": [90.0, 110.0], "sgemm_usual_gflops": 95.0}


@pytest.fixture
def old(tmp_path) -> Path:
    """A folder with a shipped kind of file, and with a kind that the default preset is not shipped in."""
    folder = tmp_path / "old"
    folder.mkdir()
    shutil.copy(ASSETS / f"{DEFAULT_PRESET}-waveform-dynamic_int8.tflite", folder / "or-unet-df.tflite")
    shutil.copy(GOLDEN / "unit-waveform-float32.tflite", folder)
    return folder


def test_a_file_is_compared_with_the_shipped_one_of_its_kind(old, monkeypatch, capsys):
    def isolated(function, files, streamed, peers, rounds, steps, **_):
        assert (function, streamed, peers, rounds, steps) == (measure_in_rounds, [], None, 3, 50)
        # The shipped waveform graph takes half as long as the old one, and the unit network a tenth of that.
        fast = {"or-unet-df.tflite": 4.0, f"{DEFAULT_PRESET}-waveform-dynamic_int8.tflite": 2.0}
        times = [fast.get(Path(file).name, 0.2) for file in files]
        return {**REFERENCE, "files": [{"p50_ms": ms, "p99_ms": 1.5 * ms, "worst_ms": 9.0} for ms in times]}

    monkeypatch.setattr(compared_steps, "isolated_call", isolated)
    assert cli.main(["steps", "--against", str(old), "--rounds", "3", "--steps", "50"]) == 0
    printed = capsys.readouterr().out
    assert f"| {old / 'or-unet-df.tflite'} | 4.000 | 6.000 | 0.50 |" in printed
    assert f"| {old / 'unit-waveform-float32.tflite'} | 0.200 | 0.300 | – |" in printed
    assert f"| shipped: {DEFAULT_PRESET}-waveform-dynamic_int8.tflite | 2.000 | 3.000 | – |" in printed
    assert printed.count("\n| ") == 1 + len(shipped()) + 2
    assert printed.startswith("Reference, sgemm peak: 100 GFLOP/s")


@pytest.mark.command
def test_files_are_timed_in_turn(old, capfd):
    assert cli.main(["steps", "--against", str(old), "--rounds", "1", "--steps", "3"]) == 0
    printed = capfd.readouterr().out
    times = [float(line.split("|")[2]) for line in printed.splitlines() if line.startswith(("| shipped", f"| {old}"))]
    assert len(times) == len(shipped()) + 2
    assert min(times) > 0


def test_what_cannot_be_compared_is_said(tmp_path, old, error_line):
    assert cli.main(["steps", "--against", str(tmp_path)]) == 1
    assert f"{tmp_path}: expected a folder with .tflite files. Received: none" in error_line()
    assert cli.main(["steps", "--against", str(old), "--rounds", "0"]) == 1
    assert "--rounds: expected at least 1. Received: 0" in error_line()
    (old / "broken.tflite").write_text("no file")
    assert cli.main(["steps", "--against", str(old)]) == 1
    assert "broken.tflite: " in error_line()
