from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from keras_sep import AudioError
from keras_sep.batch.records import RECORD, Records, differences, made_of
from keras_sep.outputs import FileOptions, Output

OPTIONS = FileOptions("mp3", 128, "warn", 1.5, 2.0)


@pytest.fixture
def song(tmp_path) -> Path:
    path = tmp_path / "in" / "song.wav"
    path.parent.mkdir()
    path.write_text("music")
    return path


@pytest.fixture
def output(tmp_path) -> Output:
    path = tmp_path / "out" / "song" / "vocals.mp3"
    path.parent.mkdir(parents=True)
    path.write_text("voice")
    return Output(path, {"vocals": 1.0})


def entry(song: Path, output: Output, options: FileOptions = OPTIONS, model: str = "0a", name: str = "base") -> dict:
    return made_of(song, output, options, model, name)


def test_what_was_kept_is_known_again(song, output):
    records = Records()
    assert records.get(output.path) is None
    records.set({output.path: entry(song, output)}, complete=True)
    for known in (records, Records()):
        found = known.get(output.path)
        assert found == {**entry(song, output), "complete": True, "size": 5}
        assert differences(found, entry(song, output), output.path.parent) == []
    content = json.loads((output.path.parent / RECORD).read_text())
    assert content["format"] == 1
    assert content["files"]["vocals.mp3"]["song"] == os.path.join("..", "..", "in", "song.wav")
    assert sorted(os.listdir(output.path.parent)) == [RECORD, "vocals.mp3"]


def test_entries_of_other_files_stay(song, output):
    other = dataclasses.replace(output, path=output.path.with_name("other.mp3"))
    other.path.write_text("the other one")
    Records().set({output.path: entry(song, output)}, complete=True)
    first, second = Records(), Records()  # two commands at the same time
    assert first.get(output.path)
    second.set({other.path: entry(song, other)}, complete=True)
    first.set({output.path: entry(song, output, model="0b")}, complete=False)
    assert Records().get(output.path)["model"] == "0b"
    assert Records().get(output.path)["complete"] is False
    assert Records().get(other.path)["complete"] is True


DIFFERENT = {
    "model": ({"model": "0b", "name": "small"}, "by base"),
    "model of the same name": ({"model": "0b"}, "by another file of that model"),
    "excerpt": ({"options": dataclasses.replace(OPTIONS, start=0.0)}, "of the song from 1.5 s for 2 s"),
    "format": ({"options": dataclasses.replace(OPTIONS, format="wav")}, "with format mp3"),
    "bit rate": ({"options": dataclasses.replace(OPTIONS, bitrate=None)}, "with bitrate 128"),
    "clip mode": ({"options": dataclasses.replace(OPTIONS, clip_mode="rescale")}, "with clip mode warn"),
}


@pytest.mark.parametrize(("changed", "said"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_is_said(song, output, changed, said):
    found = differences(entry(song, output), entry(song, output, **changed), output.path.parent)
    assert found == [said]


def test_another_song_or_a_changed_one_differs(song, output):
    old, folder = entry(song, output), output.path.parent
    other = song.with_name("other.wav")
    other.write_text("music")
    os.utime(other, ns=(song.stat().st_mtime_ns,) * 2)
    assert differences(old, entry(other, output), folder) == [f"of {song}"]
    louder = dataclasses.replace(output, gains={"vocals": 2.0})
    assert differences(old, entry(song, louder), folder) == ["with other gains"]
    assert differences(old, entry(song, output, dataclasses.replace(OPTIONS, strict=True)), folder) == []
    song.write_text("other music")
    assert differences(old, entry(song, output), folder) == ["before the song changed"]
    piped = entry(Path("-"), output)
    assert differences(piped, piped, folder) == ["of standard input"]
    assert differences(old, piped, folder) == [f"of {song}"]


def test_songs_and_stems_may_be_moved_together(song, output, tmp_path):
    Records().set({output.path: entry(song, output)}, complete=True)
    moved = tmp_path / "moved"
    moved.mkdir()
    song, target = (p.parent.rename(moved / p.parent.name) / p.name for p in (song, output.path.parent))
    target = Output(target / "vocals.mp3", output.gains)
    assert differences(Records().get(target.path), entry(song, target), target.path.parent) == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not JSON",
        "[" * 100_000,
        "[]",
        '{"format": 2, "files": {}}',
        '{"format": 1}',
        '{"format": 1, "files": {"vocals.mp3": {}}}',
        b"\xff\xfe",
    ],
)
def test_a_record_that_is_none_says_nothing(song, output, content):
    record = output.path.parent / RECORD
    record.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert Records().get(output.path) is None
    Records().set({output.path: entry(song, output)}, complete=True)
    assert Records().get(output.path)["complete"]


def test_an_entry_of_the_wrong_kind_says_nothing(song, output):
    record = output.path.parent / RECORD
    Records().set({output.path: entry(song, output)}, complete=True)
    content = json.loads(record.read_text())
    content["files"]["vocals.mp3"]["start"] = "soon"
    record.write_text(json.dumps(content))
    assert Records().get(output.path) is None


def test_a_record_that_cannot_be_written(song, output):
    record = output.path.parent / RECORD
    record.mkdir()
    with pytest.raises(AudioError, match=r"\.keras-sep\.json: cannot write: "):
        Records().set({output.path: entry(song, output)}, complete=True)
    assert sorted(os.listdir(output.path.parent)) == [RECORD, "vocals.mp3"]
