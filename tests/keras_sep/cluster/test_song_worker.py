"""The separation of one song of a catalogue, without a cluster."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile

from keras_sep import Separator
from keras_sep.cluster.manifest import SCHEMA
from keras_sep.cluster.places import Place
from keras_sep.cluster.song_worker import SongWorker, Task
from keras_sep.outputs import FileOptions
from tests.support.paths import GOLDEN

MODEL = GOLDEN / "unit-mask-float32.tflite"
STEMS = {"vocals": {"vocals": 1.0}, "accompaniment": {"accompaniment": 1.0}}


def task(target: str, **more) -> Task:
    given = {"model": MODEL.read_bytes(), "sha256": "0123", "mixes": STEMS, "options": FileOptions(), "made_by": "{}"}
    return Task(**{**given, "target": Place.parse(target), **more})


def song(path: str, name: str = "a", number: int = 0) -> dict:
    place = Place.parse(path)
    outputs = [[stem, f"{name}/{stem}.wav"] for stem in STEMS]
    return {"number": number, "root": place.root, "path": place.path, "outputs": outputs, "bytes": 1, "mtime_ns": 2}


def test_stems_are_those_of_the_local_separator_to_the_bit(songs, tmp_path):
    row = SongWorker(task(str(tmp_path / "out"))).separate(song(f"{songs}/a.wav"))
    local = Separator(model=MODEL).separate_file(songs / "a.wav", tmp_path / "local")
    for stem in row["stems"]:
        assert Path(stem["path"]).read_bytes() == local[stem["name"]].read_bytes()
    assert (row["seconds"], row["sample_rate"], row["warnings"], row.get("error")) == (0.3, 44100, [], None)
    vocals = soundfile.read(local["vocals"])[0]
    assert row["stems"][0]["peak_db"] == pytest.approx(20 * np.log10(np.abs(vocals).max()), abs=0.06)
    assert (row["song"], row["model"], row["bytes"], row["mtime_ns"]) == (f"{songs}/a.wav", "0123", 1, 2)


def test_a_bucket_holds_songs_and_stems(songs, bucket, tmp_path):
    with (songs / "a.wav").open("rb") as file:
        (Place.parse(bucket) / "in/a.wav").take(file)
    worker = SongWorker(task(f"{bucket}/out"))
    row = worker.separate(song(f"{bucket}/in/a.wav"))
    assert row.get("error") is None
    local = Separator(model=MODEL).separate_file(songs / "a.wav", tmp_path / "local")
    for stem in STEMS:
        place = Place.parse(bucket) / f"out/a/{stem}.wav"
        with place.here(tmp_path) as path:
            assert path.read_bytes() == local[stem].read_bytes()
    assert [stem["path"] for stem in row["stems"]] == [f"s3://music/out/a/{stem}.wav" for stem in STEMS]
    row = worker.separate(song(f"{bucket}/in/none.wav"))
    assert row["error"].startswith("s3://music/in/none.wav: cannot read: ")


def test_what_goes_wrong_with_a_song_is_its_row(songs, tmp_path, monkeypatch):
    (songs / "a.wav").write_bytes(b"no sound")
    worker = SongWorker(task(str(tmp_path / "out")))
    row = worker.separate(song(f"{songs}/a.wav"))
    assert row["error"].startswith(f"{songs}/a.wav: ")
    assert not (tmp_path / "out").exists()

    def broken(*args, **options):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(worker._separator, "separate_into", broken)
    row = worker.separate(song(f"{songs}/live/b.flac"))
    assert row["error"] == f"{songs}/live/b.flac: unexpected ZeroDivisionError: by zero"


def test_rows_fit_the_manifest(songs, tmp_path):
    (songs / "a.wav").write_bytes(b"")
    tables = [song(f"{songs}/{name}", name, number) for number, name in enumerate(("a.wav", "live/b.flac"))]
    rows = SongWorker(task(str(tmp_path / "out")))(pa.Table.from_pylist(tables))
    assert rows.schema.equals(SCHEMA)
    assert [bool(row["error"]) for row in rows.to_pylist()] == [True, False]


def test_clipping_is_counted_where_the_format_clips(songs, tmp_path):
    soundfile.write(songs / "a.wav", np.full((44100, 2), 1.5, np.float32), 44100, subtype="FLOAT")
    for format, clips in (("wav", False), ("wav16", True)):
        worker = SongWorker(task(str(tmp_path / format), options=FileOptions(format=format)))
        row = worker.separate(song(f"{songs}/a.wav"))
        assert (row["stems"][0]["clipped"] > 80000) == clips
        assert any(str(tmp_path / format) in warning for warning in row["warnings"]) == clips


def test_a_song_whose_process_died_twice_is_not_tried_again(songs, tmp_path):
    counts = iter((2, 3))
    worker = SongWorker(task(str(tmp_path / "out"), begin=lambda number: next(counts)))
    row = worker.separate(song(f"{songs}/a.wav"))
    assert (row.get("error"), row["tries"]) == (None, 2)
    row = worker.separate(song(f"{songs}/a.wav", "b"))
    assert row["error"] == f"{songs}/a.wav: the process that separated it died 2 times"
    assert not (tmp_path / "out" / "b").exists()


def test_parts_of_a_worker_that_died_are_swept_up(songs, tmp_path):
    (tmp_path / "out" / "a").mkdir(parents=True)
    part = tmp_path / "out" / "a" / ".vocals.wav.4194999.part"
    part.write_bytes(b"half")
    SongWorker(task(str(tmp_path / "out"))).separate(song(f"{songs}/a.wav"))
    assert not part.exists()


def test_a_machine_with_another_version_refuses(tmp_path):
    other = dataclasses.replace(task(str(tmp_path)), version="0.0.1")
    with pytest.raises(RuntimeError, match=r"expected keras_sep 0\.0\.1, as the command's\. Received: "):
        SongWorker(other)
