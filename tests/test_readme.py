"""The README's Python is run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keras_sep import Separator
from tests.support.paths import EXAMPLE, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?:^    .*\n|^\n)+", README, re.MULTILINE)
EXAMPLES = [re.sub(r"^    ", "", block, flags=re.MULTILINE).strip() for block in BLOCKS if "import " in block]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_examples_of_separating_run(tmp_path, monkeypatch):
    """On six seconds of the song that they name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keras_sep" / "assets" / "example").mkdir(parents=True)
    song, rate = soundfile.read(EXAMPLE / "mixture.flac", frames=6 * 44100)
    soundfile.write("keras_sep/assets/example/mixture.flac", song, rate)
    examples = [example for example in EXAMPLES if ".fit(" not in example]
    assert len(examples) == 2
    assert all(len(example.splitlines()) <= 10 for example in examples)
    names: dict = {}
    for example in examples:
        exec(example, names)
    assert (tmp_path / "karaoke.wav").stat().st_size > 1e6
    assert np.abs(names["rest"]["vocals"]).max() > 0


@pytest.mark.trains
def test_the_example_of_training_runs(folder):
    """From recordings to .tflite files; one epoch instead of ten."""
    import keras

    (example,) = (example for example in EXAMPLES if ".fit(" in example)
    assert len(example.splitlines()) < 30
    assert example.count("epochs=10") == 1
    names: dict = {}
    exec(example.replace("epochs=10", "epochs=1"), names)
    assert names["model"].history.history["spectrogram_loss"][0] > 0
    assert keras.saving.load_model(folder / "my-or-unet.keras").count_params() == names["network"].count_params()
    song, rate = soundfile.read("keras_sep/assets/example/mixture.flac", frames=44100)
    assert Separator(model=folder / "my-or-unet.tflite").separate(song, rate)["vocals"].shape == song.shape


def test_every_file_it_names_is_there():
    for name in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / name).exists(), name
