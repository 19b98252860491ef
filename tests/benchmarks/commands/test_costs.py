"""`python -m benchmarks costs`."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys

import pytest

from benchmarks import __main__ as cli
from benchmarks.measure.footprint import footprint
from benchmarks.measure.isolated_call import isolated_call
from benchmarks.measure.measured_files import converted as converted_files
from benchmarks.measure.rounds import measure_in_rounds
from common.document import markers
from tests.support.needs import needs_posix
from tests.support.paths import ROOT

BEGIN, END = markers("benchmark")


# The command.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--random", "s,x,"], "--random: expected some of tiny, s, m, l. Received: x, \n"),
        (["--rounds", "0"], "--rounds: expected at least 1. Received: 0"),
        (["--minutes", "-1"], "--minutes: expected at least 0. Received: -1"),
        (["--peers", "nowhere"], "nowhere: expected dtln/model_1.tflite"),
        (["--out", "nowhere/x.json"], "nowhere/x.json: expected a folder to write to"),
        (["nowhere"], "nowhere: expected a folder"),
        (["--write", "nowhere.md"], "nowhere.md"),
    ],
)
def test_what_cannot_be_is_said_in_one_line_before_anything_is_measured(
    arguments, message, error_line, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", None)
    assert cli.main(["costs", *arguments]) == 1
    assert message in error_line()


@pytest.mark.command
def test_an_error_in_a_process_of_its_own_is_an_error_here(tmp_path):
    with pytest.raises(ValueError, match=r"x.tflite: cannot read the model|No such file"):
        isolated_call(footprint, str(tmp_path / "x.tflite"))
    with pytest.raises(ValueError, match=r"measure_in_rounds: a process of the benchmark ended with 1 TypeError"):
        isolated_call(measure_in_rounds, "too few")


COMMAND = [sys.executable, "-m", "benchmarks", "costs"]


@pytest.fixture
def light(tmp_path_factory) -> dict[str, str]:
    """Environment in which importing TensorFlow or Keras fails, in a process' own processes too."""
    folder = tmp_path_factory.mktemp("light")
    for name in ("tensorflow", "keras"):
        (folder / f"{name}.py").write_text(f"raise ImportError('no {name} here')")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}


@pytest.mark.command
def test_from_end_to_end(models, idle_peers, tmp_path, light):
    document, out = tmp_path / "README.md", tmp_path / "figures.json"
    document.write_text(f"{BEGIN}{END}")
    few = ["--minutes", "0", "--rounds", "1", "--steps", "3"]
    arguments = [*COMMAND, models, "--peers", idle_peers, *few, "--out", out, "--write", document]
    result = subprocess.run(arguments, capture_output=True, text=True, check=True, cwd=tmp_path, env=light)
    found = json.loads(out.read_text())
    assert [row["label"] for row in found["files"]] == [file.label for file in converted_files(models)]
    work = {row["macs"] for row in found["files"]}
    assert len(work) == 1
    for measured in found["files"]:
        p50, p99, worst = (measured[f"{name}_ms"] for name in ("p50", "p99", "worst"))
        assert 0 < p50 < 1000
        assert p99 == pytest.approx(p50 + 0.98 * (worst - p50))  # what three steps of one round make it
        assert measured["rtf"] == pytest.approx(measured["p50_ms"] / (64 / 44.1))
        assert measured["gflops"] == pytest.approx(2 * measured["macs"] / measured["p50_ms"] / 1e6)
        assert measured["share_of_sgemm"] == pytest.approx(measured["gflops"] / found["sgemm_gflops"])
    streams = [stream["label"] for stream in found["streams"]]
    ours = [file.label for file in converted_files(models) if file.path.suffix == ".tflite"]
    theirs = ["DTLN (float32)", "DTLN (quantised)", "GTCRN (float32, onnx)"]
    assert streams == [*ours, *theirs]
    for stream in found["streams"]:
        seconds = stream["block"] / stream["sample_rate"]
        assert stream["ms_per_second"] == pytest.approx(stream["p50_ms"] / seconds)
    assert len(found["bounds"]) == 4
    assert "separate" not in found
    assert document.read_text() == f"{BEGIN}\n\n{result.stdout.strip()}\n\n{END}"
    assert "−1.25 | 6.50 |" in result.stdout
    assert "round 1 of 1" in result.stderr


@pytest.mark.command
@needs_posix
def test_ctrl_c_leaves_nothing(models, tmp_path, light):
    document, out = tmp_path / "README.md", tmp_path / "figures.json"
    document.write_text(f"{BEGIN}{END}")
    arguments = [*COMMAND, models, "--minutes", "0", "--rounds", "10000", "--out", out, "--write", document]
    process = subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=light,
        start_new_session=True,
        # A shell's background job ignores it, and so would its children.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    said = b""
    try:
        while b"round 1 of 10000" not in said:
            piece = os.read(process.stderr.fileno(), 4096)
            assert piece, said
            said += piece
        os.killpg(process.pid, signal.SIGINT)
        printed, rest = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    assert b"Traceback" not in said + rest
    assert printed == b""
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["README.md"]
    assert document.read_text() == f"{BEGIN}{END}"


@pytest.mark.command
def test_make_bench_passes_on_what_is_asked_for():
    asked = ["make", "-n", "bench", "MODELS=one two", "PEERS=three"]
    printed = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert "-m benchmarks costs one two --peers three" in printed
