"""Places: local paths and URIs."""

from __future__ import annotations

import io
import os

import pytest

from keras_sep import AudioError
from keras_sep.cluster.places import Place


def test_a_path_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Place.parse("songs") == Place("", str(tmp_path / "songs"))
    assert Place.parse("file:///music/a b") == Place("", "/music/a b")
    assert str(Place.parse("songs") / "a/b.wav") == str(tmp_path / "songs" / "a" / "b.wav")


def test_a_file_is_in_place_when_it_is_complete(tmp_path):
    place = Place.parse(str(tmp_path)) / "new/a.bin"

    class Broken(io.BytesIO):
        def read(self, *args):
            assert [path.name[0] for path in (tmp_path / "new").iterdir()] == ["."]
            raise OSError(28, "No space left on device")

    with pytest.raises(AudioError, match=r"a\.bin: cannot write: No space left on device"):
        place.take(Broken())
    assert list((tmp_path / "new").iterdir()) == []
    place.take(io.BytesIO(b"whole"))
    assert (tmp_path / "new" / "a.bin").read_bytes() == b"whole"
    place.remove()
    place.remove()  # it is gone: nothing to do
    assert not (tmp_path / "new" / "a.bin").exists()


def test_a_local_file_is_lent_as_it_is(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"x")
    with Place("", str(tmp_path / "a.wav")).here(tmp_path / "copies") as path:
        assert path == tmp_path / "a.wav"


def test_a_bucket(bucket, tmp_path):
    """Names with spaces and brackets are names, not escapes or patterns; options of the URI hold for all below it."""
    place = Place.parse(f"{bucket}/live/a song [1] 100%.wav?region=us-east-1")
    assert str(place) == "s3://music/live/a song [1] 100%.wav"

    class Interrupted(io.BytesIO):
        def read(self, *args):
            if self.tell():
                raise KeyboardInterrupt
            return super().read(2)

    with pytest.raises(KeyboardInterrupt):
        place.take(Interrupted(b"whole"))
    assert place.info().size is None
    place.take(io.BytesIO(b"whole"))
    assert place.info().size == 5
    assert [file.path for file in Place.parse(f"{bucket}/live").files()] == [place.path]
    with place.here(tmp_path) as path:
        assert path.read_bytes() == b"whole"
    assert os.listdir(tmp_path) == []
    with (
        pytest.raises(AudioError, match=r"^s3://music/none.wav: cannot read: "),
        Place.parse(f"{bucket}/none.wav").here(tmp_path),
    ):
        pass
    place.remove()
    assert place.info().size is None


def test_a_uri_of_nothing_that_is_known():
    with pytest.raises(AudioError, match=r"^tape://songs: expected a path or a URI of pyarrow's\. Received: "):
        Place.parse("tape://songs")
