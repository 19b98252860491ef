"""The Python of the pages runs as it stands there; the blocks of one page share their names."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.paths import EXAMPLE, ROOT

DOCS = ROOT / "docs"
SLOW = {"guide/convert-and-quantise.md": "converts a network"}


def _examples(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder with two seconds of the example song."""
    (tmp_path / "keras_sep" / "assets" / "example").mkdir(parents=True)
    song, rate = soundfile.read(EXAMPLE / "mixture.flac", frames=2 * 44100)
    soundfile.write(tmp_path / "keras_sep" / "assets" / "example" / "mixture.flac", song, rate)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_separating_takes_eight_lines(folder):
    whole, stream, *_ = _examples("guide/python.md")
    assert max(len(example.splitlines()) for example in (whole, stream)) <= 8
    names: dict = {}
    exec(whole, names)
    assert soundfile.info(str(folder / "karaoke.wav")).frames == 2 * 44100
    offline = names["stems"]["vocals"]
    exec(stream, names)
    assert np.array_equal(names["rest"]["vocals"], offline[-2048:])


def _pages() -> list[object]:
    found = []
    for path in sorted(DOCS.rglob("*.md")):
        page = path.relative_to(DOCS).as_posix()
        if "```python" in path.read_text(encoding="utf-8"):
            found.append(pytest.param(page, marks=[pytest.mark.slow(SLOW[page])] if page in SLOW else []))
    return found


@pytest.mark.parametrize("page", _pages())
def test_the_python_of_a_page_runs(page, folder):
    names: dict = {}
    for example in _examples(page):
        exec(example, names)
