"""The README's Python is run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_examples_run(tmp_path, monkeypatch):
    blocks = re.findall(r"(?:^    .*\n|^\n)+", README, re.MULTILINE)
    examples = [re.sub(r"^    ", "", block, flags=re.MULTILINE).strip() for block in blocks if "import " in block]
    assert len(examples) == 2
    assert all(len(example.splitlines()) <= 10 for example in examples)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for example in examples:
        exec(example, names)
    assert (tmp_path / "karaoke.wav").stat().st_size > 1e6
    assert np.abs(names["rest"]["vocals"]).max() > 0


def test_every_file_it_names_is_there():
    for name in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / name).exists(), name
