"""What the Android demo is built from: `python -m export android`. The Kotlin is tested by `make test-android`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from common.files import made_anew
from export.__main__ import main
from export.android import assets
from export.android import golden as golden_module
from keras_sep.presets import DEFAULT_PRESET, presets
from keras_sep.runtime import StepModel
from keras_sep.separator import Separator
from keras_sep.spec import StreamSpec
from keras_sep.store import ASSETS
from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("android_demo")
    for module in ("app", "core"):
        (folder / module).mkdir()
    models = folder / "app" / "src" / "main" / "assets" / "models"
    models.mkdir(parents=True)
    (models / "of-yesterday.tflite").write_text("stale")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(golden_module, "_LENGTH_S", 1.503)  # a third of what the Kotlin is tested with
        assert main(["android", "--project", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def golden(project) -> dict:
    return json.loads((project / "core/src/test/resources/golden/golden.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def read(project):
    """read(entry) → the array that an entry of golden.json names."""

    def array(entry: dict) -> np.ndarray:
        values = np.fromfile(project / "core/src/test/resources/golden" / entry["file"], "<f4")
        return values.reshape(entry["shape"])

    return array


def test_the_assets_are_the_shipped_files_and_nothing_else(project):
    models = project / "app" / "src" / "main" / "assets" / "models"
    catalogue = json.loads((models / "catalogue.json").read_text(encoding="utf-8"))
    assert {entry["file"] for entry in catalogue} == {f.file for p in presets().values() for f in p.files}
    for entry in catalogue:
        content = (models / entry["file"]).read_bytes()
        assert content == (ASSETS / entry["file"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["bytes"], entry["sha256"])
        assert StreamSpec.from_dict(entry["spec"]) == presets()[entry["preset"]].spec
        assert (models / entry["licence_file"]).read_text(encoding="utf-8")
    assert catalogue[0]["graph"] == "waveform"  # a phone's callback has samples
    expected = {entry["file"] for entry in catalogue} | {entry["licence_file"] for entry in catalogue}
    assert {path.name for path in models.iterdir()} == expected | {"catalogue.json"}
    example = project / "app" / "src" / "main" / "assets" / "example" / "example.flac"
    assert example.read_bytes() == (ROOT / "keras_sep" / "assets" / "example" / "mixture.flac").read_bytes()


def test_the_default_preset_comes_first(tmp_path, monkeypatch):
    default = presets()[DEFAULT_PRESET]
    licences = tmp_path / "licences"
    licences.mkdir()
    for name in ("another", default.name):
        (licences / f"{name}.LICENSE").write_text("")
    monkeypatch.setattr(assets, "ASSETS", licences)
    both = {"another": dataclasses.replace(default, name="another"), default.name: default}
    monkeypatch.setattr(assets, "presets", lambda: both)
    (tmp_path / "app").mkdir()
    assets.write_assets(tmp_path / "app")
    catalogue = json.loads((tmp_path / "app/src/main/assets/models/catalogue.json").read_text(encoding="utf-8"))
    names = [entry["preset"] for entry in catalogue]
    assert names == [default.name] * len(default.files) + ["another"] * len(default.files)


def test_golden_stems_are_those_of_the_separator(project, golden, read):
    mixture = read(golden["mixture"])
    assert len(golden["models"]) == len(list((project / "app/src/main/assets/models").glob("*.tflite"))) + 4
    for entry in golden["models"]:
        path = project / "core/src/test/resources/golden" / entry["file"]
        assert StepModel(path).metadata == entry["metadata"]
        stems = Separator(model=path).separate(mixture, golden["mixture"]["sample_rate"])
        late = entry["metadata"]["spec"]["frame_length"]
        for source, expected in stems.items():
            streamed = read(entry["stems"][source])
            assert np.array_equal(streamed[late:], expected), (path.name, source)
            assert not streamed[:late].any()
            after_reset = read(entry["reset_stems"][source])
            assert len(after_reset) == entry["reset_stems"]["samples"]
            assert not np.array_equal(after_reset[late:], expected[len(mixture) // 2 :][: len(after_reset) - late])


def test_golden_steps_hand_their_states_on(project, golden, read):
    for entry in golden["models"]:
        step = StepModel(project / "core/src/test/resources/golden" / entry["file"])
        inputs, outputs = read(entry["step"]["input"]), entry["step"]["outputs"]
        assert {name.removeprefix("new_") for name in outputs if name.startswith("new_")} == set(step.states())
        for x in inputs[:-1]:
            step(x)
        first = next(iter(outputs))
        assert np.array_equal(step(inputs[-1])[0], read(outputs[first])[-1])
        for name, state in step.states().items():
            assert np.array_equal(state, read(outputs[f"new_{name}"])[-1])


def test_the_resampling_kernel_is_a_good_one(golden, read):
    """Against soxr, in the band that both let pass: below 0.86 of half the lower rate."""
    for entry in golden["resampling"]:
        ours, soxr = read(entry["output"]), read(entry["soxr"])
        assert len(ours) == -(-len(read(entry["input"])) * entry["rate_out"] // entry["rate_in"])
        n = min(len(ours), len(soxr))
        inside = slice(n // 8, n - n // 8)
        window = np.hanning(inside.stop - inside.start)[:, None]
        a, b = (np.fft.rfft(x[inside].astype(float) * window, axis=0) for x in (ours, soxr))
        band = int(0.86 * len(a) * min(1.0, entry["rate_in"] / entry["rate_out"]))
        error = np.sum(np.abs(a[:band] - b[:band]) ** 2) / np.sum(np.abs(b[:band]) ** 2)
        assert error < 1e-8, (entry["rate_in"], entry["rate_out"], 10 * np.log10(error))


def test_specs_come_with_pythons_verdict(golden):
    verdicts = [spec["error"] for spec in golden["specs"]]
    assert verdicts[0] is None
    assert 3 <= verdicts.count(None) < len(verdicts) - 10
    assert all("Received: " in verdict for verdict in verdicts if verdict)


def test_what_is_missing_is_named_and_nothing_is_left(tmp_path, capsys):
    assert main(["android", "--project", str(tmp_path)]) == 1
    assert f"error: {tmp_path / 'app'}: expected the folder of the Android application" in capsys.readouterr().err
    (tmp_path / "app").mkdir()
    assert main(["android", "--project", str(tmp_path)]) == 1
    assert f"error: {tmp_path / 'core'}: expected the folder of the Kotlin library" in capsys.readouterr().err
    assert main(["android", "--project", str(tmp_path), "--no-golden"]) == 0
    assert not (tmp_path / "core").exists()


def test_maven_and_gradle_build_with_the_same_versions():
    pom = (ROOT / "android_demo" / "pom.xml").read_text(encoding="utf-8")
    catalogue = (ROOT / "android_demo" / "gradle" / "libs.versions.toml").read_text(encoding="utf-8")
    for of_maven, of_gradle in (("kotlin", "kotlin"), ("junit", "junit-jupiter"), ("jna", "jna")):
        (version,) = re.findall(rf"<{of_maven}\.version>(.+)</", pom)
        assert f'\n{of_gradle} = "{version}"\n' in catalogue


def test_a_folder_is_made_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "before").write_text("")
    with pytest.raises(IsADirectoryError), made_anew(folder) as part:
        part.write_text("")
    assert [path.name for path in tmp_path.rglob("*")] == ["models", "before"]
    with made_anew(folder) as part:
        (part / "whole").write_text("")
    assert [path.name for path in tmp_path.rglob("*")] == ["models", "whole"]
