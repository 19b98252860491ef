"""The model's file: asked for by patch messages, told to the host, and kept in the host's session."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from plugin.checks import driver
from tests.support.paths import GOLDEN, ROOT

pytestmark = pytest.mark.compiler

RATE = 44100
UNIT = GOLDEN / "unit-waveform-float32.tflite"
SMALL = ROOT / "keras_sep" / "assets" / "small-waveform-dynamic_int8.tflite"
FREEWHEEL = "0 set freewheel 1"


def test_another_model(host, song):
    result = host(song(RATE), rate=RATE, events=[FREEWHEEL, f"0 model {SMALL}"])
    expected = driver.stems_of(song(RATE), RATE, SMALL)
    size = len(result.stems) - result.latency
    assert np.abs(result.stems[result.latency :] - expected[:size]).max() <= 1e-6
    assert np.abs(expected - driver.stems_of(song(RATE), RATE)).max() > 0.01
    assert (result.report["model"], result.report["answers"]) == (str(SMALL), 1)


def test_a_change_while_it_runs_fades(host):
    """Out in 5 ms, silence as long as the latency, in in 5 ms: no jump on a constant."""
    constant = np.full((60000, 2), 0.1, np.float32)
    result = host(constant, rate=RATE, events=[FREEWHEEL, f"0 model {UNIT}", f"30000 model {UNIT}"])
    out = result.mix[result.latency + 3000 :, 0]
    assert np.abs(np.diff(out)).max() <= 1.05 * 0.15 / (0.005 * RATE)
    assert np.count_nonzero(out == 0) == pytest.approx(result.latency - 0.005 * RATE, abs=2)
    assert out[-1] == pytest.approx(0.15, rel=1e-3)
    assert result.report["underruns"] == 0


def test_the_model_is_told(host, built, song):
    default = host(song(RATE)[:3000], rate=RATE, events=["0 get"])
    assert default.report["answers"] == 1
    assert default.report["model"].endswith("/keras_sep.lv2/model.tflite")
    assert host(song(RATE)[:3000], rate=RATE).report["answers"] == 0


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("no.tflite", "cannot read the model: No such file or directory"),
        ("damaged.tflite", "the .tflite file is damaged (its SHA-256 is not the one it carries)"),
        (
            "unit-mask-float32.tflite",
            "expected a waveform graph. Received: a mask graph, which needs an STFT around it",
        ),
    ],
)
def test_a_file_that_cannot_be_used_leaves_the_model(host, tmp_path, song, name, problem):
    shutil.copy(GOLDEN / "unit-mask-float32.tflite", tmp_path)
    (tmp_path / "damaged.tflite").write_bytes(UNIT.read_bytes() + b"\0")
    result = host(song(RATE), rate=RATE, events=[FREEWHEEL, f"0 model {UNIT}", f"5000 model {tmp_path / name}"])
    assert f"keras_sep: {tmp_path / name}: {problem}" in result.stderr
    assert (result.report["model"], result.report["answers"]) == (str(UNIT), 2)
    end = len(result.mix) - result.latency
    assert np.abs(result.mix[result.latency + 20000 :] - 1.5 * song(RATE)[20000:end]).max() < 2e-6


def test_a_session(host, tmp_path, song):
    """What one host keeps, another one finds: the model, a copy of which is in the session, and the controls."""
    folder, mixture = tmp_path / "session", song(RATE)
    folder.mkdir()
    before = host(mixture, rate=RATE, events=[FREEWHEEL, f"0 model {UNIT}", "0 set voice -12", f"9000 save {folder}"])
    after = host(mixture, rate=RATE, events=[f"0 load {folder}"])
    assert Path(after.report["model"]).read_bytes() == UNIT.read_bytes()
    assert Path(after.report["model"]).parent == folder, "lilv keeps a copy, or a link"
    assert np.array_equal(after.mix[after.latency :], before.mix[before.latency :])
    assert np.abs(after.mix).max() > 0.01
    fresh = host(mixture, rate=RATE, events=[FREEWHEEL])
    assert np.abs(after.mix - fresh.mix).max() > 0.01


def test_a_session_with_the_bundle_s_model_names_no_file(host, tmp_path, song):
    folder = tmp_path / "session"
    folder.mkdir()
    host(song(RATE)[:3000], rate=RATE, events=["0 set voice -12", f"1000 save {folder}"])
    assert "tflite" not in (folder / "state.ttl").read_text()
    after = host(song(RATE), rate=RATE, events=[f"0 model {UNIT}", FREEWHEEL, f"2000 load {folder}"])
    assert after.report["model"].endswith("/keras_sep.lv2/model.tflite")


def test_a_session_whose_model_is_gone_leaves_the_model(host, tmp_path, song):
    folder, model = tmp_path / "session", tmp_path / "mine.tflite"
    folder.mkdir()
    shutil.copy(UNIT, model)
    host(song(RATE)[:3000], rate=RATE, events=[FREEWHEEL, f"0 model {model}", f"2000 save {folder}"])
    (path,) = [line for line in (folder / "state.ttl").read_text().split() if "mine.tflite" in line]
    for copy in (model, *folder.glob("*.tflite")):
        copy.unlink()
    after = host(song(RATE)[:9000], rate=RATE, events=[f"0 load {folder}"])
    assert "cannot read the model: No such file or directory" in after.stderr, path
    assert after.report["model"].endswith("/keras_sep.lv2/model.tflite")
