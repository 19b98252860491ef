"""Training on a Ray cluster: two processes on this machine train as one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.runs import read_history
from tests.support.paths import CONFIGS, ROOT
from tests.support.runs import options


@pytest.mark.trains
@pytest.mark.command
def test_ray_train_starts_processes_that_train_as_one(data, tmp_path):
    pytest.importorskip("jax")
    few = ("data.batch_size=4", "data.validation_segments=4", "optimizer.total_steps=4")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": os.fspath(ROOT)}

    def train(run: Path, *more: str) -> list[dict[str, str]]:
        command = [sys.executable, "-m", "training", "train", str(CONFIGS / "paper/or_unet.toml")]
        command += ["--data", str(data), "--out", str(run), *options(*few), *more]
        result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=1200)
        assert result.returncode == 0, result.stderr
        return read_history(run)

    alone, together = train(tmp_path / "alone"), train(tmp_path / "two", "--cluster", "local", "--hosts", "2")
    assert [row["step"] for row in together] == ["2", "4"]
    for a, b in zip(alone, together, strict=True):
        for name in ("loss", "val_loss"):
            assert float(a[name]) == pytest.approx(float(b[name]), abs=1e-4)
