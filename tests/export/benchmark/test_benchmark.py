"""The benchmark: what it counts, what it reads, what it prints. That it is fast, no test says."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile
import tensorflow as tf

from export import __main__ as cli
from export.benchmark import footprint as footprints
from export.benchmark import macs, random_files, steps, table
from export.benchmark.bounds import bounds, bounds_table
from export.benchmark.child import call
from export.benchmark.example import step_inputs
from export.benchmark.files import converted as converted_files
from export.benchmark.files import shipped
from export.benchmark.load import load
from export.benchmark.peers import Ours
from keras_sep import Separator
from keras_sep.metadata import FORMAT
from keras_sep.models import BinMemoryUnet, load_network
from keras_sep.presets import ASSETS, DEFAULT_PRESET
from keras_sep.tflite.metadata import add_metadata
from keras_sep.tflite.quantise import PRECISIONS
from tests.support.conversion import copy_files, entry, read_list, write_list
from tests.support.needs import needs_posix
from tests.support.networks import FOUR_VIEWS, SMALL_SPEC
from tests.support.paths import EXAMPLE, ROOT
from tests.support.tflite import module_to_tflite, to_tflite

SDR = {"vocals": -1.25, "accompaniment": 6.5}


@pytest.fixture(scope="module")
def models(converted, tmp_path_factory) -> Path:
    """A folder of `convert` with the files in float32, one of which has been scored."""
    out = copy_files(converted, tmp_path_factory.mktemp("models"), lambda file: file["precision"] == "float32")
    summary = read_list(out)
    entry(summary, "mask", "float32")["verification"] = {"passed": True, "sdr_db": SDR, "keras_sdr_db": SDR}
    write_list(out, {**summary, "provenance": {"model": {"size": "m"}}}, summary["files"])
    (out / "another.json").write_text('{"a list": "of something else"}')
    assert len(summary["files"]) == 3
    return out


# What is counted.


def test_multiplications_against_a_count_by_hand(tmp_path):
    x = keras.Input((8, 6, 3), batch_size=1)
    y = keras.layers.Conv2D(5, 3, strides=2, padding="same")(x)  # 4 × 3 × 5 outputs of 3 × 3 × 3
    y = keras.layers.DepthwiseConv2D(3, padding="same")(y)  # 4 × 3 × 5 outputs of 3 × 3
    y = keras.layers.Conv2DTranspose(2, 2, strides=2)(y)  # 4 × 3 × 5 inputs to 2 × 2 × 2
    y = keras.layers.Flatten()(y)  # 8 × 6 × 2
    y = keras.layers.Dense(7)(y)
    path = tmp_path / "hand.tflite"
    model = keras.Model(x, y)
    path.write_bytes(to_tflite(tf.function(model).get_concrete_function(tf.TensorSpec((1, 8, 6, 3)))))
    assert macs.multiplications(path) == 60 * 27 + 60 * 9 + 60 * 8 + 96 * 7


def products(config, positions: int) -> int:
    """Of a `BinMemoryUnet` with this many positions and two views, counted from its configuration."""
    total, channels = 0, 2
    for filters in config.encoder_channels:
        positions //= 2
        total += positions * filters * config.encoder_kernel * channels
        channels = filters
    squeezed = positions * config.squeeze_channels
    total += squeezed * channels
    total += 3 * config.gru_units * (squeezed + config.gru_units)
    total += config.gru_units * positions * config.expand_channels
    channels, level = config.expand_channels, len(config.encoder_channels)
    for filters, skip in zip(config.decoder_channels, reversed(config.encoder_channels), strict=True):
        if level == config.memory_level:
            # The memories of the skip connection and of the decoder: a GRU's products and the Dense layer, each bin.
            units = config.memory_units
            for own in (skip, skip + channels):
                total += positions * (3 * units * (own + units) + units * own)
        total += positions * 2 * filters * config.decoder_kernel * (channels + skip)
        positions, channels, level = 2 * positions, filters, level - 1
    # Four positions at once: a kernel of 3 over 4 · (channels + 2), three quarters of them zeros, to 4 · 4 masks.
    return total + positions // 4 * (4 * 4) * 3 * (4 * (channels + 2))


@pytest.mark.whole_size
def test_multiplications_of_the_shipped_files_are_those_of_the_architecture():
    network = load_network(ASSETS / f"{DEFAULT_PRESET}.keras")
    total = products(network.config, 1024)
    assert {file.label: macs.multiplications(file.path) for file in shipped()} == {
        file.label: total for file in shipped()
    }


def test_both_formats_multiply_alike(models):
    files = converted_files(models)
    assert len({macs.multiplications(file.path) for file in files}) == 1
    assert {file.path.suffix for file in files} == {".tflite", ".onnx"}


def test_a_layer_that_hides_its_work_has_no_figure(monkeypatch):
    shapes = [(1, 4)], (1, 4)
    monkeypatch.setattr(macs, "_tflite", lambda path: [("UNIDIRECTIONAL_SEQUENCE_LSTM", *shapes)])
    assert macs.multiplications(Path("x.tflite")) is None


# What is timed.


class Clock:
    """A step takes `ms`; every hundredth ten times as long."""

    def __init__(self, ms: float):
        self.ms, self.now, self.calls = ms, 0.0, 0

    def step(self, x: np.ndarray) -> None:
        self.calls += 1
        self.now += self.ms / 1000 * (10 if self.calls % 100 == 0 else 1)

    def perf_counter(self) -> float:
        return self.now


@pytest.mark.parametrize(("ms", "most", "count"), [(0.2, 1000, 1000), (4.0, 1000, 250), (17.0, 1000, 100), (17, 5, 5)])
def test_steps_of_a_round_fill_a_second_but_never_fewer_than_a_percentile_needs(monkeypatch, ms, most, count):
    clock = Clock(ms)
    monkeypatch.setattr(steps, "time", clock)
    loop = steps.Loop(clock.step, np.zeros((7, 1)), most)
    loop.time_round()
    assert len(loop.rounds[0]) == count
    assert loop.figures()["p50_ms"] == pytest.approx(ms)
    assert loop.figures()["worst_ms"] == pytest.approx(ms if count < 90 else 10 * ms)


def test_the_reference_is_the_product_that_nothing_interrupted(monkeypatch):
    times = iter([t for k in range(20) for t in (10.0 * k, 10.0 * k + (2e-3 if k == 7 else 5e-3))])
    monkeypatch.setattr(steps.time, "perf_counter", lambda: next(times))
    assert steps.sgemm_gflops() == pytest.approx((2 * 512**3 / 2e6, 2 * 512**3 / 5e6))


def test_figures_are_medians_over_rounds():
    loop = steps.Loop(print, np.zeros((1, 1)), 1)
    loop.rounds = [[1.0] * 98 + [5.0] * 2, [2.0] * 98 + [7.0] * 2, [90.0] * 100]
    assert loop.figures() == {"p50_ms": 2.0, "p99_ms": pytest.approx(7.0), "worst_ms": 7.0}


def test_the_onnx_step_is_the_tflite_step(models):
    """With its state: the steps of the second frame differ from the first ones' without it."""
    a, b = (load(models / f"small-mask-float32.{kind}") for kind in ("tflite", "onnx"))
    inputs = step_inputs("mask", SMALL_SPEC)[1000:1020]
    found = []
    for step in (a, b):
        out = [np.empty(inputs[0].shape, np.float32) for _ in SMALL_SPEC.sources]
        found.append(np.stack([np.stack(step(x, out)) for x in inputs]))
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    a.reset()
    assert np.abs(np.stack(a(inputs[-1])) - found[1][-1]).max() > 1e-4


def test_a_stream_of_ours_is_what_the_separator_computes(models):
    audio = soundfile.read(EXAMPLE / "mixture.flac", frames=6400, dtype="float32")[0]
    late = SMALL_SPEC.frame_length - SMALL_SPEC.frame_step
    paths = list(models.glob("small-*-float32.tflite"))
    assert len(paths) == 2
    for path in paths:
        stream = Ours(path)
        stems = np.concatenate([stream(block) for block in audio.reshape(-1, stream.block, 2)], axis=1)
        whole = Separator(model=path).separate(audio, 44100)["vocals"]
        np.testing.assert_array_equal(stems[0, late:], whole[:-late])


def test_what_a_file_takes(models, monkeypatch):
    path = models / "small-waveform-float32.tflite"
    resident, now, loads = iter([100.0, 130.5]), iter([0.0, 1.0, 10.0, 13.0, 20.0, 22.0]), []
    monkeypatch.setattr(footprints, "_resident_mb", lambda: next(resident))
    monkeypatch.setattr(footprints, "LOADS", 3)
    monkeypatch.setattr(footprints, "load", lambda file: loads.append(file) or load(file))
    monkeypatch.setattr(footprints.time, "perf_counter", lambda: next(now))
    found = footprints.footprint(str(path))
    assert found == {"load_ms": 2000.0, "rss_mb": 30.5, "macs": macs.multiplications(path)}
    assert loads == [path] * 4
    monkeypatch.setattr(footprints, "_resident_mb", lambda: None)
    monkeypatch.setattr(footprints.time, "perf_counter", lambda: 0.0)
    assert footprints.footprint(str(path))["rss_mb"] is None


BUFFER_MB = 64  # more than what malloc may have kept from before


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says what is resident")
def test_memory_is_that_of_the_buffers_too(models, tmp_path):
    """A file of some kilobytes, each step of which fills a buffer of its own."""

    def step(inputs):
        x = inputs["magnitude"]
        copies = BUFFER_MB * 2**20 // (4 * SMALL_SPEC.num_bins * SMALL_SPEC.num_channels)
        mask = tf.reduce_max(tf.tile(x, [1, copies, 1, 1]), axis=1, keepdims=True)
        return {"vocals_mask": mask, "accompaniment_mask": 1 - mask, "new_state_0": 0.5 * inputs["state_0"]}

    shapes = {"magnitude": (1, 1, SMALL_SPEC.num_bins, SMALL_SPEC.num_channels), "state_0": (1, 4)}
    module = tf.Module()
    module.step = tf.function(step, [{name: tf.TensorSpec(shape, name=name) for name, shape in shapes.items()}])
    about = {"format": FORMAT, "graph": "mask", "precision": "float32", "spec": SMALL_SPEC.to_dict()}
    path = tmp_path / "wide.tflite"
    path.write_bytes(add_metadata(module_to_tflite(module), about))
    assert path.stat().st_size < 1e5
    wide, small = (footprints.footprint(str(p))["rss_mb"] for p in (path, models / "small-mask-float32.tflite"))
    assert wide == pytest.approx(BUFFER_MB, rel=0.25)
    assert small < BUFFER_MB / 4


# Files.


def test_files_are_those_of_the_lists_with_their_scores(models):
    files = converted_files(models)
    assert [file.label for file in files] == [
        "small (M mask float32)",
        "small (M mask float32, onnx)",
        "small (M waveform float32)",
    ]
    assert [file.sdr_db for file in files] == [SDR, {}, {}]
    assert files[0].step_ms == pytest.approx(64 / 44.1)
    assert not any(file.random for file in files)


def test_a_folder_that_cannot_be_measured_is_refused(models, tmp_path):
    with pytest.raises(ValueError, match=r"none: expected a folder"):
        converted_files(tmp_path / "none")
    (tmp_path / "other.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"expected <name>.json of `python -m export convert`"):
        converted_files(tmp_path)
    (tmp_path / "small.json").write_text((models / "small.json").read_text())
    with pytest.raises(ValueError, match=r"small-mask-float32.tflite: expected the file that small's list names"):
        converted_files(tmp_path)
    (tmp_path / "small-mask-float32.tflite").write_bytes(b"TFL3")
    with pytest.raises(ValueError, match="SHA-256"):
        converted_files(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ValueError, match=r"broken.json: expected JSON"):
        converted_files(tmp_path)


def test_every_size_can_be_asked_for():
    assert tuple(BinMemoryUnet.SIZES) == random_files.SIZES


@pytest.mark.slow("converts two graphs with memories")
def test_random_files_come_in_every_precision_there_is(tmp_path, monkeypatch):
    monkeypatch.setattr(random_files, "StreamSpec", lambda views: dataclasses.replace(SMALL_SPEC, views=views))
    monkeypatch.setattr(random_files, "SECONDS", 0.1)
    (tmp_path / "random.json").write_text(json.dumps(random_files.convert_random("tiny", str(tmp_path))))
    files = converted_files(tmp_path)
    assert {(file.graph, file.precision) for file in files} == {
        (g, p) for g in ("mask", "waveform") for p in PRECISIONS
    }
    assert all(file.random and file.size == "tiny" for file in files)
    states = BinMemoryUnet("tiny", FOUR_VIEWS).state_sizes
    for file in files:
        step = load(file.path)
        assert step.spec == FOUR_VIEWS
        assert len(step.states()) == len(states) + (2 if step.graph == "waveform" else 0)
        x = step_inputs(step.graph, step.spec)[1000]
        assert np.isfinite(np.stack(step(x))).all()


# What is printed.


def row(**changes) -> dict:
    kind = {"label": "m (M mask float32)", "size": "m", "graph": "mask", "precision": "float32", "format": "tflite"}
    times = {"p50_ms": 0.5, "p99_ms": 0.9, "worst_ms": 1.5, "rtf": 0.043, "load_ms": 12.34, "rss_mb": 20.0}
    work = {"macs": 20e6, "gflops": 80.0, "share_of_sgemm": 0.8, "bytes": 7_400_000, "random": False, "sdr_db": SDR}
    return {**kind, **times, **work, **changes}


def figures(*rows: dict, **changes) -> dict:
    reference = {"sgemm_gflops": 100.0, "sgemm_range": [90.0, 110.0], "sgemm_usual_gflops": 95.0}
    return {**reference, "machine": "a machine", "files": rows, **changes}


def test_a_busy_machine_is_named():
    assert "a machine" in table.reference_line(figures())
    assert "busy" not in table.reference_line(figures())
    assert "busy: the median product reached 40" in table.reference_line(figures(sgemm_usual_gflops=40.0))


def test_a_row_has_every_column():
    unknown = row(sdr_db={}, gflops=None, share_of_sgemm=None, rss_mb=None, random=True)
    lines = table.file_table(figures(row(), unknown)).splitlines()
    assert (
        lines[2]
        == "| m (M mask float32) | 7.40 | 12.3 | 20.0 | 0.500 | 0.900 | 1.500 | 0.043 | 80.0 | 80 % | −1.25 | 6.50 |"
    )
    assert lines[3] == "| m (M mask float32) | 7.40 | 12.3 | – | 0.500 | 0.900 | 1.500 | 0.043 | – | – | – | – |"
    assert len({line.count("|") for line in lines[:4]}) == 1
    assert "untrained" in lines[-1]
    assert "untrained" not in table.file_table(figures(row()))


def test_a_stream_costs_what_a_second_of_its_own_audio_costs():
    stream = {
        "label": "DTLN",
        "sample_rate": 16000,
        "num_channels": 1,
        "block": 128,
        "p50_ms": 0.1,
        "ms_per_second": 12.5,
    }
    assert table.stream_table([stream]).splitlines()[2] == "| DTLN | 16 kHz mono | 16000 | 8.00 | 0.100 | 12.5 |"


def test_bounds_are_said_with_what_was_measured():
    slow = row(label="slow", p99_ms=1.2)
    waveform = row(graph="waveform", precision="dynamic_int8", p50_ms=0.4)
    rows = bounds(figures(row(), slow, waveform, sgemm_gflops=60.0, separate={"real_time_factor": 1 / 79}))
    assert [r["met"] for r in rows] == [True, True, False, False]
    assert [r["measured"] for r in rows] == pytest.approx([0.8, 0.24, 2.4, 79])
    lines = bounds_table(rows).splitlines()[2:]
    assert [line.split("|")[2:5] for line in lines] == [
        [" ≥ 60 % ", " 80 % ", " met "],
        [" ≤ 0.30 ms ", " 0.24 ms ", " met "],
        [" ≤ 2 × p50 ", " 2.40 × p50 ", " not met "],
        [" ≥ 80 × real time ", " 79 × real time ", " not met "],
    ]
    assert "slow" in lines[2]


def test_what_was_not_measured_is_neither_met_nor_missed():
    rows = bounds(figures(row(size="s"), row(format="onnx")))
    assert [r["met"] for r in rows] == [None, None, True, None]
    assert bounds_table(rows).count("not measured") == 3


def test_a_document_keeps_all_but_what_is_between_the_markers(tmp_path):
    path = tmp_path / "README.md"
    path.write_bytes(f"before – \r\n{table.BEGIN}\nold\n{table.END} after\n".encode())
    table.write_between_markers(path, "| new |")
    table.write_between_markers(path, "| newer |")
    expected = f"before – \r\n{table.BEGIN}\n\n| newer |\n\n{table.END} after\n"
    assert path.read_bytes() == expected.encode()
    assert [entry.name for entry in tmp_path.iterdir()] == ["README.md"]


@pytest.mark.parametrize("text", ["", table.BEGIN, f"{table.END}{table.BEGIN}", 2 * f"{table.BEGIN}{table.END}"])
def test_a_document_without_one_place_is_refused(tmp_path, text, capsys):
    path = tmp_path / "README.md"
    path.write_text(text)
    assert cli.main(["benchmark", "--minutes", "0", "--write", str(path)]) == 1
    assert "README.md: expected one <!-- benchmark: begin -->" in one_line(capsys)
    assert path.read_text() == text


# The command.


def one_line(capsys) -> str:
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    return err


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
    arguments, message, capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", None)
    assert cli.main(["benchmark", *arguments]) == 1
    assert message in one_line(capsys)


@pytest.mark.command
def test_an_error_in_a_process_of_its_own_is_an_error_here(tmp_path):
    with pytest.raises(ValueError, match=r"x.tflite: cannot read the model|No such file"):
        call("footprint", "footprint", str(tmp_path / "x.tflite"))
    with pytest.raises(ValueError, match=r"steps: a process of the benchmark ended with 1 TypeError"):
        call("steps", "measure", "too few")


COMMAND = [sys.executable, "-m", "export", "benchmark"]


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
    document.write_text(f"{table.BEGIN}{table.END}")
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
    assert document.read_text() == f"{table.BEGIN}\n\n{result.stdout.strip()}\n\n{table.END}"
    assert "−1.25 | 6.50 |" in result.stdout
    assert "round 1 of 1" in result.stderr


@pytest.mark.command
@needs_posix
def test_ctrl_c_leaves_nothing(models, tmp_path, light):
    document, out = tmp_path / "README.md", tmp_path / "figures.json"
    document.write_text(f"{table.BEGIN}{table.END}")
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
    assert document.read_text() == f"{table.BEGIN}{table.END}"


@pytest.mark.command
def test_make_bench_passes_on_what_is_asked_for():
    asked = ["make", "-n", "bench", "MODELS=one two", "PEERS=three"]
    printed = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert "-m export benchmark one two --peers three" in printed
