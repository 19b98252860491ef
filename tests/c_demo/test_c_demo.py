"""The C program against Python: the same bits of every file, every error one line, nothing left behind."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import ai_edge_litert
import numpy as np
import pytest
import soundfile

from keras_sep import Separator
from keras_sep.metadata import BLANK_DIGEST, read_metadata
from keras_sep.presets import DEFAULT_PRESET
from keras_sep.runtime import StepModel
from tests.support.paths import ROOT

WAVEFORM_FILES = [
    *sorted((ROOT / "keras_sep" / "assets").glob("*-waveform-*.tflite")),
    ROOT / "tests" / "golden" / "views-waveform-float32.tflite",
    ROOT / "tests" / "golden" / "unit-waveform-float32.tflite",
]
UNIT = WAVEFORM_FILES[-1]
FRAME_STEP = 512

LITERT_VERSION = tuple(int(n) for n in importlib.metadata.version("ai-edge-litert").split(".")[:3])

pytestmark = [
    pytest.mark.compiler,
    pytest.mark.skipif(os.name != "posix", reason="the program is written for Unix"),
    pytest.mark.skipif(not shutil.which("cc") or not shutil.which("make"), reason="no C compiler (cc) or no make"),
    pytest.mark.skipif(LITERT_VERSION < (2, 1, 6), reason="the C API as it is since ai-edge-litert 2.1.6"),
]

Run = Callable[..., subprocess.CompletedProcess]


def _build(folder: Path, **variables: str) -> Path:
    settings = [f"{name}={value}" for name, value in variables.items()]
    command = ["make", "-C", str(ROOT / "c_demo"), f"LITERT={ai_edge_litert.__path__[0]}", f"BUILD={folder}", *settings]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> Path:
    return _build(tmp_path_factory.mktemp("c_demo"))


@pytest.fixture
def separate(programs: Path, tmp_path: Path) -> Run:
    """separate(model, waveform) → the finished process, run in tmp_path with in.f32, vocals.f32, accompaniment.f32."""

    def run(model: Path, waveform: np.ndarray, folder: Path = programs, **settings) -> subprocess.CompletedProcess:
        np.asarray(waveform, "<f4").tofile(tmp_path / "in.f32")
        command = [str(folder / "separate"), str(model), "in.f32", "vocals.f32", "accompaniment.f32"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, **settings)

    return run


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    """Four seconds and a bit of the example song, (samples, 2)."""
    start = 10 * 44100
    samples, _ = soundfile.read(ROOT / "keras_sep/assets/example/mixture.flac", 4 * 44100 + 13, start, dtype="float32")
    return samples


def _stems(folder: Path) -> dict[str, np.ndarray]:
    return {name: np.fromfile(folder / f"{name}.f32", "<f4").reshape(-1, 2) for name in ("vocals", "accompaniment")}


def _difference(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    assert {name: x.shape for name, x in a.items()} == {name: x.shape for name, x in b.items()}
    return max(float(np.abs(a[name] - b[name]).max()) for name in a)


def _steps(model: Path, waveform: np.ndarray, carry_states: bool = True) -> dict[str, np.ndarray]:
    """What the bare step makes of a waveform, aligned to it: of one that `Separator` refuses, or done wrong."""
    step = StepModel(model)
    late = step.spec.stem_delay
    padding = late + -(len(waveform) + late) % FRAME_STEP
    frames = np.pad(waveform, ((0, padding), (0, 0))).reshape(-1, FRAME_STEP, 2)
    stems = []
    for frame in frames:
        stems.append(np.stack(step(frame)))
        if not carry_states:
            step.reset()
    both = np.concatenate(stems, axis=1)[:, late : late + len(waveform)]
    return dict(zip(step.spec.sources, both, strict=True))


@pytest.mark.parametrize("model", WAVEFORM_FILES, ids=lambda path: path.stem)
def test_the_stems_are_python_s(separate, tmp_path, song, model, record_property):
    assert len(song) % FRAME_STEP, "a length that is no multiple of a step"
    for samples in (song, song[: 100 * FRAME_STEP], song[:2048]):
        result = separate(model, samples)
        assert result.returncode == 0, result.stderr
        stems, expected = _stems(tmp_path), Separator(model=model).separate(samples, 44100)
        difference = _difference(stems, expected)
        print(f"{model.name}, {len(samples)} samples: largest difference {difference:.3g}")
        record_property(f"largest difference, {len(samples)} samples", difference)
        assert difference <= 1e-6
        # Controls: neither silence nor the mixture, nor without states, nor a step late, would have passed.
        assert all(np.abs(stem).max() > 0.01 for stem in stems.values())
        assert _difference(stems, _steps(model, samples, carry_states=False)) > 0.01
        late = {name: np.roll(stem, FRAME_STEP, axis=0) for name, stem in expected.items()}
        assert _difference(stems, late) > 0.01


def test_the_unit_model_gives_back_the_mixture(separate, tmp_path, song):
    assert separate(UNIT, song).returncode == 0
    stems = _stems(tmp_path)
    assert _difference(stems, {"vocals": song, "accompaniment": song / 2}) < 1e-6


@pytest.mark.parametrize("length", [0, 1, 511, 512, 1536, 1537, 2047])
def test_less_than_a_frame(separate, tmp_path, song, length):
    model = WAVEFORM_FILES[0]
    assert separate(model, song[:length]).returncode == 0
    stems = _stems(tmp_path)
    expected = _steps(model, song[:length])
    assert all(stem.shape == (length, 2) for stem in stems.values())
    assert all(np.array_equal(stems[name], expected[name]) for name in stems)


def test_standard_input(separate, programs, tmp_path, song):
    separate(UNIT, song)
    expected = _stems(tmp_path)
    command = [str(programs / "separate"), str(UNIT), "-", "vocals.f32", "accompaniment.f32"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        for block in np.array_split(song, 97):  # of no size that the program likes
            process.stdin.write(block.tobytes())
            process.stdin.flush()
        process.stdin.close()
        assert process.wait() == 0
    assert _difference(_stems(tmp_path), expected) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_what_is_not_finite_is_silent_and_forgotten(separate, tmp_path, song, bad):
    model, samples = WAVEFORM_FILES[0], song[: 60 * FRAME_STEP].copy()
    samples[20 * FRAME_STEP + 7, 1] = bad
    result = separate(model, samples)
    assert result.returncode == 0
    assert result.stderr.splitlines()[-1] == "separate: in.f32: 1 steps were not finite and are silent in the stems"
    with np.errstate(all="ignore"):
        expected = _steps(model, samples)
    stems = _stems(tmp_path)
    assert all(np.isfinite(stem).all() for stem in stems.values())
    assert _difference(stems, expected) <= 1e-6
    assert _difference(stems, _steps(model, song[: 60 * FRAME_STEP])) > 0.01


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def refused(programs, tmp_path) -> Callable[..., str]:
    """refused(arguments) → the one line on stderr, after all is as it was."""
    (tmp_path / "in.f32").write_bytes(np.zeros((3000, 2), "<f4").tobytes())
    (tmp_path / "vocals.f32").write_bytes(b"an older one")

    def run(*arguments: str | Path, status: int = 1, **settings) -> str:
        before = _files(tmp_path)
        command = [str(programs / "separate"), *map(str, arguments)]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, **settings)
        assert (result.returncode, result.stdout) == (status, ""), result.stderr
        assert _files(tmp_path) == before
        lines = [line for line in result.stderr.splitlines() if not line.startswith("INFO: ")]  # LiteRT's own
        assert len(lines) == 1, result.stderr
        return lines[0]

    return run


def test_bad_arguments(refused):
    usage = "usage: separate MODEL.tflite IN.f32 VOCALS.f32 ACCOMPANIMENT.f32  (IN.f32 may be -)"
    assert refused(status=2) == usage
    assert refused(UNIT, "in.f32", "vocals.f32", status=2) == usage
    assert refused(UNIT, "in.f32", "a", "b", "c", status=2) == usage


def test_inputs_that_cannot_be_read(refused, tmp_path):
    outputs = "vocals.f32", "accompaniment.f32"
    assert refused("no.tflite", "in.f32", *outputs) == (
        "separate: no.tflite: cannot read the model: No such file or directory"
    )
    assert refused(tmp_path, "in.f32", *outputs).endswith("cannot read the model: it is not a file")
    assert refused(UNIT, "no.f32", *outputs) == "separate: no.f32: cannot read: No such file or directory"
    assert refused(UNIT, ".", *outputs) == "separate: .: cannot read: Is a directory"


def test_files_that_are_no_models(refused, tmp_path):
    def line(content: bytes) -> str:
        (tmp_path / "wrong.tflite").write_bytes(content)
        return refused("wrong.tflite", "in.f32", "vocals.f32", "accompaniment.f32").removeprefix(
            "separate: wrong.tflite: "
        )

    whole = UNIT.read_bytes()
    assert line(b"") == line(b"RIFF....WAVE") == "expected a .tflite file. Received: another one"
    assert line(whole.replace(b'"sha256"', b'"sha0"  ')) == (
        "expected a .tflite file made by `python -m export`. Received: one without its SHA-256"
    )
    damaged = "the .tflite file is damaged (its SHA-256 is not the one it carries)"
    assert line(whole[:-1000]) == line(whole + b"\0") == damaged
    for place in (1000, len(whole) // 2, len(whole) - 1):  # some of which LiteRT would crash on
        assert line(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]) == damaged


def test_the_digest_of_files_of_every_length(separate, tmp_path, song):
    blank = UNIT.read_bytes().replace(read_metadata(UNIT.read_bytes())["sha256"].encode(), BLANK_DIGEST.encode())
    path = tmp_path / "longer.tflite"
    for extra in range(64):  # bytes behind the FlatBuffer, which LiteRT does not look at
        content = blank + bytes(extra)
        path.write_bytes(content.replace(BLANK_DIGEST.encode(), hashlib.sha256(content).hexdigest().encode(), 1))
        read_metadata(path.read_bytes())
        assert separate(path, song[:FRAME_STEP]).returncode == 0, f"{len(content)} bytes"


@pytest.mark.parametrize(
    "mask",
    [
        ROOT / f"keras_sep/assets/{DEFAULT_PRESET}-mask-dynamic_int8.tflite",
        ROOT / "tests/golden/unit-mask-float32.tflite",
    ],
    ids=lambda path: path.stem,
)
def test_a_mask_graph(refused, mask):
    assert refused(mask, "in.f32", "vocals.f32", "accompaniment.f32") == (
        f"separate: {mask}: expected a waveform graph. Received: a mask graph, which needs an STFT around it"
    )


def test_an_odd_length(refused, tmp_path):
    for extra in (1, 4, 7):
        (tmp_path / "odd.f32").write_bytes(bytes(8 * 3000 + extra))
        assert refused(UNIT, "odd.f32", "vocals.f32", "accompaniment.f32") == (
            f"separate: odd.f32: expected samples of 8 bytes. Received: {extra} bytes at the end"
        )


def test_outputs_that_cannot_be_written(refused, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.f32").hardlink_to(tmp_path / "in.f32")
    (tmp_path / "soft.f32").symlink_to("in.f32")
    for path in ("in.f32", "./in.f32", "link.f32", "soft.f32"):
        line = f"separate: {path}: cannot write: it is the input"
        assert refused(UNIT, "in.f32", path, "accompaniment.f32") == line
        assert refused(UNIT, "in.f32", "vocals.f32", path) == line
        with (tmp_path / "in.f32").open("rb") as stdin:
            assert refused(UNIT, "-", "vocals.f32", path, stdin=stdin) == line
    assert refused(UNIT, "in.f32", "same.f32", "same.f32") == "separate: same.f32: expected two different outputs"
    assert "cannot write" in refused(UNIT, "in.f32", "same.f32", "./same.f32")
    line = "separate: {}: cannot write: it is there and not a file"
    assert refused(UNIT, "in.f32", "vocals.f32", "folder") == line.format("folder")
    assert refused(UNIT, "in.f32", "/dev/null", "accompaniment.f32") == line.format("/dev/null")
    assert refused(UNIT, "in.f32", "no/vocals.f32", "accompaniment.f32") == (
        "separate: no/vocals.f32: cannot write: No such file or directory"
    )


def test_a_full_disk(refused):
    # A limit on the size of files fails as a full disk does, late and in the middle of a block.
    import resource  # of Unix

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))

    # Python ignores SIGXFSZ, and so does the program then: it sees the error of `write`.
    line = refused(UNIT, "in.f32", "vocals.f32", "accompaniment.f32", preexec_fn=limit, restore_signals=False)
    assert line == "separate: vocals.f32: cannot write: File too large"


def test_sanitizers(separate, tmp_path_factory, tmp_path, song):
    """Memory, leaks and undefined behaviour of the program; LiteRT itself is not instrumented."""
    flags = "-fsanitize=address,undefined -fno-sanitize-recover=all"
    probe = subprocess.run(
        f"echo 'int main(void) {{ return 0; }}' | cc {flags} -x c - -o {tmp_path / 'probe'} && {tmp_path / 'probe'}",
        shell=True,
        capture_output=True,
    )
    if probe.returncode != 0:
        pytest.skip("this C compiler has no sanitizers")
    folder = _build(tmp_path_factory.mktemp("sanitized"), CFLAGS=f"-std=c11 -O1 -g {flags}")
    samples = song[: 30 * FRAME_STEP + 5].copy()
    samples[9000] = np.nan
    for model, status in ((WAVEFORM_FILES[0], 0), (ROOT / "tests/golden/unit-mask-float32.tflite", 1)):
        result = separate(model, samples, folder=folder)
        assert result.returncode == status, result.stderr
        assert "Sanitizer" not in result.stderr
        assert "runtime error" not in result.stderr


def test_what_a_step_takes(programs, tmp_path, song, record_property):
    """Printed, not asserted: C beside Python, in turns."""
    model, samples = WAVEFORM_FILES[0], song[: 300 * FRAME_STEP]
    samples.tofile(tmp_path / "in.f32")
    frames = samples.reshape(-1, FRAME_STEP, 2)
    times: dict[str, list[list[float]]] = {"C": [], "Python": []}
    for _ in range(5):
        command = [str(programs / "time_steps"), str(model), "in.f32"]
        line = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        found = re.fullmatch(r"steps 250  p50 ([\d.]+) ms  p99 ([\d.]+) ms  of 11.6100 ms\n", line)
        assert found, line
        times["C"].append([float(x) for x in found.groups()])
        step, stems = StepModel(model), [np.empty((FRAME_STEP, 2), np.float32) for _ in range(2)]
        took = []
        for frame in frames:
            start = time.perf_counter()
            step(frame, stems)
            took.append(1e3 * (time.perf_counter() - start))
        times["Python"].append(list(np.percentile(took[50:], [50, 99])))
    (c50, c99), (python50, python99) = (np.median(times[name], axis=0) for name in ("C", "Python"))
    summary = (
        f"{model.stem}: C p50 {c50:.3f} p99 {c99:.3f} ms, Python p50 {python50:.3f} p99 {python99:.3f} ms, "
        f"ratio p50 {python50 / c50:.2f}"
    )
    print(summary)
    record_property("step", summary)
