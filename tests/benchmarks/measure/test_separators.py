"""The table of ours beside published separators."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import __main__ as cli
from benchmarks.measure import separators
from common.document import markers
from keras_sep.presets import DEFAULT_PRESET, presets
from tests.support.paths import GOLDEN

BEGIN, END = markers("separators")


@pytest.fixture
def their_file(tmp_path) -> Path:
    path = tmp_path / "theirs.tflite"
    path.write_bytes(bytes(2_000_000))
    return path


def row(label: str, scope: str, path: Path, **changes) -> dict:
    about = {"name": "", "precision": "float32", "path": str(path), "parameters": 1_500_000, "networks": 1}
    return {"label": label, "scope": scope, **about, "seconds": 0.5, "latency": "46.4 ms", **changes}


def test_a_row_is_of_all_its_networks_and_relative_to_ours_of_the_same_kind(their_file):
    measured = {"ms_per_second": 20.0, "peak_mb": 12.3}
    ours = [row(DEFAULT_PRESET, scope, their_file, **measured) for scope in ("network", "whole")]
    ours[1]["ms_per_second"] = 40.0
    theirs = row("Theirs", "network", their_file, networks=2, ms_per_second=30.0, peak_mb=None, latency="a song")
    lines = separators.separator_table([*ours, theirs]).splitlines()
    assert lines[-1] == "| Theirs | network | float32 | 3.00 M | 4.0 | 30.0 | 1.50 | – | a song |"
    assert lines[3].split("|")[6:9] == [" 40.0 ", " 1.00 ", " 12 "]


def test_time_is_that_of_all_networks_for_a_second_of_audio(monkeypatch):
    path = GOLDEN / "unit-mask-float32.tflite"
    now = [0.0]

    def call(path):
        return lambda: now.__setitem__(0, now[0] + 0.25)

    class Steps:
        def time_round(self):
            pass

        def figures(self):
            return {"p50_ms": 2.0}

    monkeypatch.setattr(separators, "separator_call", call)
    monkeypatch.setattr(separators, "file_loop", lambda path, most: Steps())
    monkeypatch.setattr(separators, "sgemm_gflops", lambda: (100.0, 90.0))
    monkeypatch.setattr(separators.time, "perf_counter", lambda: now[0])
    rows = [row("ours", "network", path, seconds=0.01), row("x", "network", Path("theirs"), name="x", networks=2)]
    found = separators.time_in_turn(rows, 2)
    assert found["ms_per_second"] == pytest.approx([200.0, 2 * 250 / 0.5])
    assert (found["sgemm_gflops"], found["sgemm_usual_gflops"], found["sgemm_range"]) == (100.0, 90.0, [100.0, 100.0])


@pytest.mark.parametrize("name", ["unit-waveform-float32", "views-mask-float32"])
def test_the_memory_of_a_file_of_ours_is_small(name):
    found = separators.peak_memory(row("ours", "network", GOLDEN / f"{name}.tflite"))
    assert found is None or 0 <= found < 50


def test_all_of_ours_and_theirs_go_into_one_document(tmp_path, their_file, monkeypatch, capsys):
    document = tmp_path / "README.md"
    document.write_text(f"{BEGIN}{END}")
    theirs = row("", "", their_file, name="spleeter", networks=2, latency="11.9 s, a patch")
    del theirs["label"], theirs["scope"]

    def isolated(function, *arguments, **_):
        if function is separators.convert_separators:
            assert arguments == (str(tmp_path / "kept"),)
            return [theirs]
        if function is separators.time_in_turn:
            reference = {"sgemm_gflops": 100.0, "sgemm_range": [90.0, 110.0], "sgemm_usual_gflops": 95.0}
            return {**reference, "ms_per_second": [10.0] * len(arguments[0])}
        return 7.0

    monkeypatch.setattr(separators, "isolated_call", isolated)
    assert cli.main(["separators", "--cache", str(tmp_path / "kept"), "--write", str(document)]) == 0
    printed = capsys.readouterr().out
    assert document.read_text() == f"{BEGIN}\n\n{printed.strip()}\n\n{END}"
    lines = [line for line in printed.splitlines() if line.startswith("| ")][1:]
    assert len(lines) == 1 + sum(len(preset.files) for preset in presets().values())
    assert lines[0].startswith(f"| {DEFAULT_PRESET} | ")
    assert lines[-1] == "| Spleeter, 2 stems | network | float32 | 3.00 M | 4.0 | 10.0 | 1.00 | 7 | 11.9 s, a patch |"


def test_what_cannot_be_is_said_before_anything_is_converted(tmp_path, monkeypatch, error_line):
    monkeypatch.setattr(separators, "isolated_call", None)
    assert cli.main(["separators", "--rounds", "0"]) == 1
    assert "--rounds: expected at least 1. Received: 0" in error_line()
    (tmp_path / "README.md").write_text("")
    assert cli.main(["separators", "--write", str(tmp_path / "README.md")]) == 1
    assert "README.md: expected one <!-- separators: begin -->" in error_line()


@pytest.mark.whole_size
def test_from_end_to_end(tmp_path, monkeypatch, capsys):
    """With their real networks; the figures are positive, and a larger network of a kind takes more memory."""
    monkeypatch.setattr(separators, "CALLS", 1)
    text = separators.measure_separators(tmp_path, 1, None)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    by_name = {(row[0], row[2]): row for row in rows[1:] if row[0] in ("Spleeter, 2 stems", "Open-Unmix, umx")}
    assert len(by_name) == 4
    assert {row[3] for row in by_name.values()} == {"19.65 M", "17.79 M"}
    for name in ("Spleeter, 2 stems", "Open-Unmix, umx"):
        exact, rounded = by_name[name, "float32"], by_name[name, "dynamic_int8"]
        assert float(exact[4]) > 3 * float(rounded[4])
        assert float(exact[5]) > 0
        assert exact[7] == "–" or float(exact[7]) > float(exact[4]) / 2
