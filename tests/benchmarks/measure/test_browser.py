"""The page's time, and that of another file on it, in turn."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from benchmarks.measure import browser
from tests.support.needs import needs_chromium, needs_page
from tests.support.paths import ROOT

UNIT = ROOT / "tests" / "golden" / "unit-waveform-float32.tflite"


def test_times_are_medians_and_a_ratio_to_the_first():
    live = {"live_step": "1.00 / 2.00", "live_load": "9 %", "live_runs": "0 / 0", "live_latency": "96"}
    rows = [
        {"file": Path("now.tflite"), "p50": [1.0, 9.0, 2.0], "p99": [4.0], "walls": [24.0] * 3, "python": [6.0]},
        {"file": Path("old.tflite"), "p50": [5.0, 5.0, 5.0], "p99": [8.0], "walls": [48.0] * 3, "python": [8.0]},
    ]
    text = browser.browser_table([{**row, **live} for row in rows], "Chromium", live_seconds=5)
    assert "medians of 3 rounds" in text
    assert re.search(r"\| now.tflite \| 2.00 \| 4.00 \| 1.00 \| 24.0 \| 10 \| 40 \|", text)
    assert re.search(r"\| old.tflite \| 5.00 \| 8.00 \| 2.50 \| 48.0 \| 5 \| 30 \|", text)


@pytest.mark.parametrize("name", ["no.tflite", "song.wav"])
def test_what_is_no_model_is_refused(name, tmp_path):
    (tmp_path / "song.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match=rf"--against: expected a .tflite file. Received: .*{name}"):
        browser.measure_page(1, 1, tmp_path / name)


@needs_page
@needs_chromium
@pytest.mark.browser
def test_both_files_are_measured_on_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(browser, "SONG_SECONDS", 6)
    path = Path(shutil.copy(UNIT, tmp_path / "unit.tflite"))
    page, unit = browser.measure_page(1, 1, path)
    assert 0 < unit["p50"][0] < page["p50"][0]  # a network that costs nothing
    assert page["file"].name in (text := capsys.readouterr().out)
    assert "unit.tflite" in text
