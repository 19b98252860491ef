"""What a user gets: the wheel, and separating with nothing but its dependencies."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.paths import EXAMPLE, ROOT, tracked

pytestmark = pytest.mark.command

PAGE_FILES = {f"keras_sep/page/{name}" for name in ("index.html", "assets/a.js", "litert/b.wasm")}
# What every installation fetches: models, the example, and the page's 5.9 MB, mostly LiteRT for browsers, for which
# placeholders stand here.
LARGEST_WHEEL, PAGE_BYTES = 16e6, 5.9e6


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    # Built from a copy of the tracked files: left-overs of an earlier build must not hide a mistake.
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    for name in PAGE_FILES | {
        "keras_sep/page/models/or-unet.tflite",
        "keras_sep/page/example/mixture.flac",
    }:  # what `make page` builds
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("built")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    return path


def test_the_wheel_holds_keras_sep_its_assets_and_the_page_only(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    # Float networks and other precisions are fetched; the page's models are the assets.
    left_out = {name for name in tracked("keras_sep") if name.endswith((".keras", "float16.tflite"))}
    assert left_out
    expected = set(tracked("keras_sep")) - left_out | PAGE_FILES
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert any(name.endswith("waveform-dynamic_int8.tflite") for name in names)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_wheel_stays_small(wheel):
    assert wheel.stat().st_size + PAGE_BYTES <= LARGEST_WHEEL


def test_separate_with_nothing_but_the_runtime_dependencies(tmp_path):
    """`pip install .` alone: everything else that happens to be installed is made unimportable."""
    blocked = ["tensorflow", "keras", "jax", "torch", "scipy", "museval", "musdb", "matplotlib", "pandas", "h5py"]
    blocked += ["flatbuffers", "absl"]
    song = EXAMPLE / "mixture.flac"
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))\n"
        f"from keras_sep.cli import main\n"
        f"sys.exit(main(['separate', {str(song)!r}, '-o', {str(tmp_path)!r}, '--duration', '1']))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    assert {path.name for path in (tmp_path / "mixture").iterdir()} == {
        "vocals.wav",
        "accompaniment.wav",
        ".keras-sep.json",
    }
