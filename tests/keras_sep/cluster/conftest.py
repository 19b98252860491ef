from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from keras_sep.cluster import places
from tests.support.object_store import ENVIRONMENT, object_store


@pytest.fixture
def bucket(monkeypatch) -> Iterator[str]:
    """URI of an empty bucket of an S3 server on this machine."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with object_store("music") as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        places._open.cache_clear()
        yield "s3://music"
    places._open.cache_clear()


@pytest.fixture
def songs(music, tmp_path) -> Path:
    """A folder with songs of two formats, in two folders, and what is no song."""
    folder = tmp_path / "songs"
    for number, name in enumerate(("a.wav", "live/b.flac", "live/c [1].wav")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, music(0.3 + number / 10), 44100)
    (folder / "cover.jpg").write_bytes(b"\xff\xd8")
    (folder / ".hidden.wav").write_bytes((folder / "a.wav").read_bytes())
    return folder
