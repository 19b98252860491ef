"""Training by several processes: whatever their number, the same run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pytest

from common.runs import read_history
from keras_sep.models import load_network
from tests.support.paths import CONFIGS, ROOT
from tests.support.runs import options
from training.engine.distributed import Processes, join, most_processes, these_processes

# Sums of a batch are taken in another order; float32 rounds at 6e-8, and Muon normalises what it is given.
LOSS_ATOL, WEIGHTS_ATOL = 1e-4, 1e-3
TIMEOUT_S = 1200


def test_shares_are_the_batch():
    for count in (1, 2, 4):
        rows = [row for index in range(count) for row in Processes(index, count).share(8)]
        assert rows == list(range(8))


def test_shares_of_arrays_are_those_of_each_batch():
    """Each process takes its share of the first batch, then of the second: together they see whole batches."""
    x = np.arange(12)
    shares = [Processes(index, 2).shares({"x": x}, 8)["x"] for index in range(2)]
    np.testing.assert_array_equal(shares, [[0, 1, 2, 3, 8, 9], [4, 5, 6, 7, 10, 11]])
    assert Processes().shares(x, 8) is x


def test_as_many_processes_as_can_share_a_batch():
    assert [most_processes(available, 12, 8) for available in (1, 2, 3, 4, 5, 12)] == [1, 2, 2, 4, 4, 4]


def test_one_process_is_alone():
    assert these_processes() == Processes(0, 1)
    assert Processes().agree(True)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="refuses the other backends")
def test_another_backend_is_refused():
    with pytest.raises(ValueError, match=r"--distributed: expected KERAS_BACKEND=jax\. Received: "):
        join()


def start(data: Path, run: Path, count: int, *more: str) -> list[subprocess.Popen[str]]:
    """Starts the processes that train a run."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    few = ("data.batch_size=4", "data.validation_segments=4", "optimizer.total_steps=6")
    command = [sys.executable, "-c", "import sys; sys.modules['tensorflow'] = None; import training.__main__ as t"]
    command[-1] += "; sys.exit(t.main())"
    command += ["train", str(CONFIGS / "paper/or_unet.toml"), "--data", str(data), "--out", str(run)]
    command += [*options(*few, *more), *(["--distributed"] if count > 1 else [])]
    processes = []
    for index in range(count):
        environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
        environment |= {"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}"}
        environment |= {"JAX_NUM_PROCESSES": str(count), "JAX_PROCESS_ID": str(index)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        processes.append(subprocess.Popen(command, text=True, cwd=ROOT, env=environment, **pipes))
    return processes


def require_ended(processes: Sequence[subprocess.Popen[str]]) -> None:
    for process in processes:
        said = process.communicate(timeout=TIMEOUT_S)[0]
        assert process.returncode == 0, said


def require_same(one: Path, other: Path) -> None:
    """History and weights; a network that was trained on other excerpts is ten times as far away."""
    rows, others = read_history(one), read_history(other)
    assert [row["step"] for row in rows] == [row["step"] for row in others] == ["2", "4", "6"]
    for row, its in zip(rows, others, strict=True):
        for name in ("loss", "val_loss"):
            assert float(row[name]) == pytest.approx(float(its[name]), abs=LOSS_ATOL)
    a, b = (load_network(run / "last.keras").get_weights() for run in (one, other))
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, atol=WEIGHTS_ATOL)


@pytest.fixture(scope="module")
def alone(data, once) -> Path:
    """A run of one process."""
    return once("alone", lambda run: require_ended(start(data, run, 1)))


@pytest.mark.trains
@pytest.mark.command
@pytest.mark.parametrize("count", [2, 4])
def test_several_processes_train_as_one(data, alone, tmp_path, count):
    pytest.importorskip("jax")
    require_ended(start(data, tmp_path / "run", count))
    require_same(tmp_path / "run", alone)


@pytest.mark.trains
@pytest.mark.command
def test_another_seed_is_another_run(data, alone, tmp_path):
    pytest.importorskip("jax")
    require_ended(start(data, tmp_path / "run", 1, "data.seed=2"))
    with pytest.raises(AssertionError):
        require_same(tmp_path / "run", alone)


@pytest.mark.trains
@pytest.mark.command
def test_a_lost_process_ends_the_others_and_fewer_go_on(data, alone, tmp_path):
    pytest.importorskip("jax")
    run = tmp_path / "run"
    processes = start(data, run, 2)
    end = time.monotonic() + TIMEOUT_S
    while not (run / "checkpoint.weights.h5").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    processes[1].send_signal(signal.SIGKILL)
    processes[1].communicate()
    said = processes[0].communicate(timeout=TIMEOUT_S)[0]
    assert processes[0].returncode != 0, said
    require_ended(start(data, run, 1))
    require_same(run, alone)
