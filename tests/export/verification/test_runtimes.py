"""The comparison behind `make check-runtimes` and `make check-arm`, under the runtime that is here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export.__main__ import main
from export.verification import runtimes
from keras_sep import runtime
from keras_sep.presets import DEFAULT_PRESET, presets
from keras_sep.runtime import StepModel
from keras_sep.separator import StreamingSeparator
from keras_sep.spec import StreamSpec
from tests.support import old_runtime
from tests.support.paths import GOLDEN

SHIPPED = [file.file for preset in presets().values() for file in preset.files]


@pytest.fixture(scope="module")
def golden(once) -> Path:
    """Stems of every shipped file, for long enough for the state to matter to every network."""

    def write(folder: Path) -> None:
        path = folder / "new" / "stems.npz"
        assert main(["runtimes", str(GOLDEN), "--write", str(path), "--seconds", "4"]) == 0

    return once("runtimes", write) / "new" / "stems.npz"


@pytest.fixture(scope="module")
def known(golden) -> dict[str, np.ndarray]:
    """The same, by the name of the file."""
    with np.load(golden) as stems:
        return {path.name: stems[runtimes._metadata(path)["sha256"]] for path in runtimes.files_of([GOLDEN])}


@pytest.fixture
def recalled(known, monkeypatch) -> dict[str, np.ndarray]:
    """What the files give is remembered and not computed again; a test may change it."""
    stems = dict(known)
    monkeypatch.setattr(runtimes, "stream", lambda path, seconds: stems[path.name])
    return stems


@pytest.fixture
def against(golden, capsys):
    """against(*options) → exit status and rows of the table, by file."""

    def against(*options: str) -> tuple[int, dict[str, str]]:
        status = main(["runtimes", "--against", str(golden), *options])
        lines = [line for line in capsys.readouterr().out.splitlines() if ".tflite" in line]
        return status, {line.split("|")[1].strip(): line for line in lines}

    return against


@pytest.mark.parametrize("rate", [44100, 96000])
def test_the_excerpt_is_music_at_any_rate(rate, monkeypatch):
    heard = []

    class Separator:
        spec = StreamSpec(rate, 2)

        def __init__(self, model):
            pass

        def push(self, block):
            heard.append(block)
            return dict.fromkeys(self.spec.sources, block)

        def flush(self):
            return dict.fromkeys(self.spec.sources, np.zeros((0, 2), np.float32))

    monkeypatch.setattr(runtimes, "StreamingSeparator", Separator)
    assert runtimes.stream(Path("any"), 2).shape == (2, 2 * rate, 2)
    assert np.concatenate(heard).std() > 0.01


@pytest.mark.parametrize("content", [b"", "array"])
def test_what_write_has_not_made_is_refused(content, tmp_path, capsys):
    path = tmp_path / "stems.npy"
    path.write_bytes(content) if isinstance(content, bytes) else np.save(path, np.zeros(3))
    assert main(["runtimes", "--against", str(path)]) == 1
    assert "expected a file that --write made" in capsys.readouterr().err


def test_the_same_runtime_gives_the_same(against):
    status, rows = against(str(GOLDEN))
    assert status == 0
    assert list(rows) == [
        *SHIPPED,
        *(f"{n}-{g}-float32.tflite" for n in ("unit", "views") for g in ("mask", "waveform")),
    ]
    assert all("| runs | 0.0e+00 |" in row for row in rows.values())


def test_it_says_what_is_compared(golden, recalled, capsys):
    assert main(["runtimes", "--against", str(golden)]) == 0
    said = capsys.readouterr().out.splitlines()[0]
    assert said.count(runtime.runtime_name()) == 2
    assert "4 s of the example song" in said


def test_a_dropped_state_is_different(against, monkeypatch):
    """What a processor or a runtime may get wrong: negative control of the tolerances, for every file."""
    bind = StepModel._bind

    def forget(step: StepModel) -> None:
        bind(step)
        step._carry = {}

    monkeypatch.setattr(StepModel, "_bind", forget)
    status, rows = against()
    assert status == 1
    assert list(rows) == SHIPPED
    assert all("DIFFERENT: expected at " in row for row in rows.values())


@pytest.mark.parametrize("damage", [lambda stems: np.roll(stems, 1, axis=1), lambda stems: stems * np.nan])
def test_damaged_stems_are_different(against, recalled, damage):
    recalled |= {name: damage(stems) for name, stems in recalled.items()}
    status, rows = against()
    assert status == 1
    assert list(rows) == SHIPPED
    assert all("DIFFERENT" in row for row in rows.values())


def test_one_that_differs_is_enough(against, recalled):
    worse = f"{DEFAULT_PRESET}-mask-float16.tflite"
    recalled[worse] = recalled[worse] + np.float32(2e-4)
    status, rows = against()
    assert status == 1
    assert "| DIFFERENT: expected at most 0.0001 | 2.0e-04 |" in rows.pop(worse)
    assert all("| runs |" in row for row in rows.values())


def test_a_refusal_must_be_expected(against, known, monkeypatch):
    interpreter = old_runtime.interpreter("dynamic_int8")
    monkeypatch.setattr(runtime, "_interpreter_class", lambda: interpreter)

    def stream(path: Path, seconds: float) -> np.ndarray:
        StreamingSeparator(model=path)  # refuses
        return known[path.name]

    monkeypatch.setattr(runtimes, "stream", stream)
    for options, expected in ((["--may-refuse", "float32,dynamic_int8"], 0), (["--may-refuse", "float32"], 1), ([], 1)):
        status, rows = against(*options)
        assert status == expected
        assert "| runs |" in rows[f"{DEFAULT_PRESET}-mask-float16.tflite"]
        assert (
            "| refused: old_runtime 2.14.0 cannot run this file" in rows[f"{DEFAULT_PRESET}-mask-dynamic_int8.tflite"]
        )


def test_what_cannot_be_compared_is_said(golden, recalled, tmp_path, capsys):
    assert main(["runtimes", str(tmp_path), "--against", str(golden)]) == 1
    assert f"{tmp_path}: expected a folder with .tflite files. Received: none" in capsys.readouterr().err
    assert main(["runtimes", "--write", str(tmp_path / "shipped.npz"), "--seconds", "0.1"]) == 0
    assert main(["runtimes", str(GOLDEN), "--against", str(tmp_path / "shipped.npz")]) == 1
    assert "expected stems of" in capsys.readouterr().err
    assert main(["runtimes", "--against", str(tmp_path / "none.npz")]) == 1
    assert "none.npz" in capsys.readouterr().err


def test_compare_measures_what_it_says():
    expected = np.ones((2, 100, 2), np.float32)
    found = expected.copy()
    found[1] += 0.01
    assert runtimes.compare(expected, found) == (pytest.approx(0.01, rel=1e-3), pytest.approx(40, abs=0.01))
    assert runtimes.compare(expected, found[:, :-1]) == (np.inf, -np.inf)
