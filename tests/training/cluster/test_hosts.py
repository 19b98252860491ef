"""Training on a Ray cluster: two processes on this machine train as one, and go on when one is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.measure.ray_nodes import titled
from common.runs import read_history
from tests.support.paths import CONFIGS, ROOT
from tests.support.runs import options
from training.cluster.hosts import _whole

TIMEOUT_S = 1200
STEPS = 40  # enough of them for something to happen in their middle


def start(data: Path, run: Path, *more: str) -> subprocess.Popen[str]:
    few = ("data.batch_size=4", "data.validation_segments=4", f"optimizer.total_steps={STEPS}")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": os.fspath(ROOT)}
    command = [sys.executable, "-m", "training", "train", str(CONFIGS / "paper/or_unet.toml")]
    command += ["--data", str(data), "--out", str(run), *options(*few), *more]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, text=True, cwd=ROOT, env=environment, **pipes)


def require_ended(process: subprocess.Popen[str]) -> None:
    said = process.communicate(timeout=TIMEOUT_S)[0]
    assert process.returncode == 0, said


def require_same(one: Path, other: Path) -> None:
    rows, others = read_history(one), read_history(other)
    assert [int(row["step"]) for row in rows] == [int(row["step"]) for row in others] == list(range(2, STEPS + 1, 2))
    for a, b in zip(rows, others, strict=True):
        for name in ("loss", "val_loss"):
            assert float(a[name]) == pytest.approx(float(b[name]), abs=1e-4)


def test_folders_are_the_same_wherever_a_process_starts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert _whole("runs/teacher") == str(tmp_path / "runs" / "teacher")
    assert [_whole("base"), _whole("")] == ["base", ""]


@pytest.fixture(scope="module")
def alone(data, once) -> Path:
    """A run of one process."""
    return once("alone-of-hosts", lambda run: require_ended(start(data, run)))


@pytest.mark.trains
@pytest.mark.command
def test_ray_train_starts_processes_that_train_as_one(data, alone, tmp_path):
    pytest.importorskip("jax")
    require_ended(start(data, tmp_path / "two", "--cluster", "local", "--hosts", "2"))
    require_same(alone, tmp_path / "two")


@pytest.mark.trains
@pytest.mark.command
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds Ray's processes in /proc")
def test_ray_train_goes_on_when_a_process_is_lost(data, alone, tmp_path):
    pytest.importorskip("jax")
    run = tmp_path / "run"
    command = start(data, run, "--cluster", "local", "--hosts", "2")
    end = time.monotonic() + TIMEOUT_S
    while not (run / "checkpoint.weights.h5").exists():
        assert time.monotonic() < end
        assert command.poll() is None, command.communicate()[0]
        time.sleep(0.02)
    workers = titled(command.pid, "RayTrainWorker")
    assert len(workers) == 2
    os.kill(workers[1], signal.SIGKILL)
    assert not (run / "last.keras").exists()  # it was in the middle
    require_ended(command)
    require_same(alone, run)
