"""`training benchmark`: methods are built, compiled and timed as training does it."""

from __future__ import annotations

import json

import pytest

from tests.support.paths import CONFIGS
from training.__main__ import main
from training.engine import training_speed
from training.engine.training_speed import METHODS


def test_every_method_has_its_configuration():
    assert all((CONFIGS / f"{method}.toml").exists() for method in METHODS)


@pytest.mark.trains
@pytest.mark.command
def test_methods_are_timed(tmp_path, monkeypatch, capsys):
    """Ours, and the one that has a teacher."""
    methods, out = ["shipped/base", "paper/or_unet_df"], tmp_path / "speeds.json"
    assert set(methods) < set(METHODS)
    monkeypatch.setattr(training_speed, "METHODS", methods)
    assert main(["benchmark", "--size", "tiny", "--steps", "1", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "size tiny, float32:" in said
    speeds = json.loads(out.read_text())
    assert [speed["method"] for speed in speeds] == methods
    for speed in speeds:
        assert f"| {speed['method']} |" in said
        assert min(speed[name] for name in ("parameters", "frames_per_second", "matmul_gflops", "peak_gb")) > 0
        assert speed["fit_frames_per_second"] is speed["data_wait"] is None


def test_wrong_options_are_named(tmp_path, capsys):
    for options, message in (
        (["--steps", "0"], "--steps: expected at least 1. Received: 0"),
        (["--data", str(tmp_path / "none")], "--data: expected a folder"),
    ):
        assert main(["benchmark", *options]) == 1
        assert message in capsys.readouterr().err
