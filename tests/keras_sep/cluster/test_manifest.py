"""The manifest: rows added, the newest counts, one file at the end."""

from __future__ import annotations

import os

import pytest
from pyarrow import parquet

from keras_sep import AudioError
from keras_sep.cluster import manifest as module
from keras_sep.cluster.manifest import NAME, Manifest, has_other_files
from keras_sep.cluster.places import Place


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(module, "_FLUSH_S", 0.01)


def row(song: str, error: str | None = None, **more) -> dict:
    return {"song": song, "error": error, "stems": [], "warnings": [], **more}


def test_the_newest_row_of_a_song_counts(tmp_path):
    manifest = Manifest(Place.parse(str(tmp_path)))
    assert manifest.newest() == {}
    for error in ("first", "second", None):
        with manifest.adding() as add:
            add([row("b", error), row("a")])
    newest = manifest.newest()
    assert {song: each["error"] for song, each in newest.items()} == {"a": None, "b": None}
    assert len(list((tmp_path / NAME).iterdir())) == 3
    manifest.tidy()
    assert len(list((tmp_path / NAME).iterdir())) == 1
    assert parquet.read_table(tmp_path / NAME).column("song").to_pylist() == ["a", "b"]
    assert manifest.newest() == newest


def test_many_parts_become_one_while_rows_are_added(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MOST_PARTS", 3)
    manifest = Manifest(Place.parse(str(tmp_path)))
    with manifest.adding() as add:
        for number in range(20):
            add([row(str(number))])
            add._flush()
            assert len(os.listdir(tmp_path / NAME)) <= 3
    assert set(manifest.newest()) == {str(number) for number in range(20)}


def test_what_was_added_is_there_before_the_end(tmp_path):
    """A command that is killed leaves it."""
    manifest = Manifest(Place.parse(str(tmp_path)))
    with manifest.adding() as add:
        add([row("a")])
        while not manifest.newest():
            pass
        assert list(manifest.newest()) == ["a"]


def test_a_manifest_that_cannot_be_written(tmp_path, monkeypatch):
    manifest = Manifest(Place.parse(str(tmp_path)))

    def full(*args):
        raise AudioError("manifest.parquet: cannot write: No space left on device")

    monkeypatch.setattr(Place, "take", full)
    with pytest.raises(AudioError, match="No space left"), manifest.adding() as add:
        add([row("a")])


def test_other_files(tmp_path):
    place = Place.parse(str(tmp_path))
    assert not has_other_files(place)
    assert not has_other_files(place / "none")
    (tmp_path / "song").mkdir()
    assert has_other_files(place)
    Manifest(place).begin()
    assert not has_other_files(place)
    assert Manifest(place).newest() == {}


def test_a_bucket(bucket):
    manifest = Manifest(Place.parse(f"{bucket}/stems"))
    manifest.begin()
    with manifest.adding() as add:
        add([row("a")])
    with manifest.adding() as add:
        add([row("a", "later")])
    assert manifest.newest()["a"]["error"] == "later"
    manifest.tidy()
    assert len(manifest.place.files()) == 1
    assert manifest.newest()["a"]["error"] == "later"
