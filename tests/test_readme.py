"""The README's Python is run as it stands there."""

from __future__ import annotations

import re

import numpy as np
import soundfile

from tests.support.paths import EXAMPLE, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?:^    .*\n|^\n)+", README, re.MULTILINE)
EXAMPLES = [re.sub(r"^    ", "", block, flags=re.MULTILINE).strip() for block in BLOCKS if "import " in block]


def test_its_python_runs(tmp_path, monkeypatch):
    """On six seconds of the song that it names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keras_sep" / "assets" / "example").mkdir(parents=True)
    song, rate = soundfile.read(EXAMPLE / "mixture.flac", frames=6 * 44100)
    soundfile.write("keras_sep/assets/example/mixture.flac", song, rate)
    assert len(EXAMPLES) == 2
    assert all(len(example.splitlines()) <= 10 for example in EXAMPLES)
    names: dict = {}
    for example in EXAMPLES:
        exec(example, names)
    assert np.abs(names["stems"]["vocals"]).max() > 0
    assert names["network"].count_params() > 1e5


def test_it_is_read_in_two_minutes():
    assert README.count("\n") <= 120


def test_every_file_it_names_is_there():
    for name in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / name).exists(), name
