"""Catalogues: folders, patterns and lists, here and in a bucket."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from keras_sep import AudioError
from keras_sep.batch.songs import Skipped
from keras_sep.cluster.catalogue import CatalogueSong, find_catalogue
from keras_sep.cluster.places import Place


def found(*sources: str, include: tuple[str, ...] = (), target: str = "/nowhere") -> list[str]:
    items = find_catalogue(sources, include, Place.parse(target))
    return [item.name for item in items if isinstance(item, CatalogueSong)]


def test_a_folder(songs):
    items = list(find_catalogue([str(songs)], [], Place.parse("/nowhere")))
    assert [item.name for item in items if isinstance(item, CatalogueSong)] == ["a", "live/b", "live/c [1]"]
    assert {item.path.name: item.reason for item in items if isinstance(item, Skipped)} == {
        ".hidden.wav": "hidden",
        "cover.jpg": "not an audio or film file by its suffix (--include takes others)",
    }
    first = next(item for item in items if isinstance(item, CatalogueSong))
    status = (songs / "a.wav").stat()
    assert (first.bytes, first.mtime_ns) == (status.st_size, status.st_mtime_ns)


def test_the_target_is_left_out(songs):
    assert found(str(songs), target=str(songs / "live")) == ["a"]


def test_patterns(songs):
    assert found(f"{songs}/*.flac") == ["live/b"]
    assert found(f"{songs}/live/*.wav") == ["c [1]"]
    assert found(str(songs), include=("*.flac",)) == ["live/b"]
    assert found(f"{songs}/live/c [1].wav") == ["c [1]"]  # a song of that name is no pattern
    with pytest.raises(AudioError, match=r"\*\.mp3: expected songs\. Received: none"):
        found(f"{songs}/*.mp3")
    with pytest.raises(AudioError, match="Received: nothing there"):
        found(f"{songs}/none")


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".parquet"])
def test_lists(songs, suffix):
    """Paths are relative to the list; names begin below the folder that all are in."""
    paths = ["live/b.flac", str(songs / "live" / "c [1].wav")]
    path = songs / f"list{suffix}"
    if suffix == ".txt":
        path.write_text("\n".join([*paths, "", ""]))
    elif suffix == ".csv":
        path.write_text("artist,path\n" + "".join(f'x,"{each}"\n' for each in paths))
    else:
        parquet.write_table(pa.table({"song": paths, "seconds": [1.0, 2.0]}), path)
    assert found(str(path)) == ["b", "c [1]"]
    items = list(find_catalogue([str(path)], [], Place.parse("/nowhere")))
    assert [str(item.place) for item in items] == [str(songs / "live" / name) for name in ("b.flac", "c [1].wav")]


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_text_of_any_kind(songs, kind):
    path = songs / "list.parquet"
    parquet.write_table(pa.table({"song": pa.array(["live/b.flac"]).cast(kind)}), path)
    assert found(str(path)) == ["b"]


def test_names_that_look_like_numbers(songs):
    (songs / "001").write_bytes((songs / "a.wav").read_bytes())
    (songs / "list.csv").write_text("song\n001\n")
    assert found(str(songs / "list.csv")) == ["001"]


def test_a_manifest_is_a_list(songs, tmp_path):
    manifest = tmp_path / "manifest.parquet"
    manifest.mkdir()
    for number, name in enumerate(("a.wav", "live/b.flac")):
        parquet.write_table(pa.table({"song": [str(songs / name)]}), manifest / f"{number}.parquet")
    assert sorted(found(str(manifest))) == ["a", "live/b"]


def test_a_list_of_nothing_or_without_paths(tmp_path):
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(AudioError, match=r"empty\.txt: expected a list of songs\. Received: an empty one"):
        found(str(tmp_path / "empty.txt"))
    (tmp_path / "other.csv").write_text("artist,seconds\nx,1\n")
    with pytest.raises(AudioError, match=r"expected a column of paths, song or path\. Received: artist, seconds"):
        found(str(tmp_path / "other.csv"))
    with pytest.raises(AudioError, match=r"none\.csv: cannot read: "):
        found(str(tmp_path / "none.csv"))


def test_a_bucket(songs, bucket):
    for path in songs.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                (Place.parse(bucket) / f"in/{path.relative_to(songs).as_posix()}").take(file)
    assert found(f"{bucket}/in") == ["a", "live/b", "live/c [1]"]
    assert found(f"{bucket}/in/*.flac") == ["live/b"]
    assert found(f"{bucket}/in/a.wav") == ["a"]
    assert found(f"{bucket}/in", target=f"{bucket}/in/live") == ["a"]
    list_ = Path(songs / "list.txt")
    list_.write_text("s3://music/in/a.wav\ns3://music/in/live/b.flac\n")
    assert found(str(list_)) == ["a", "live/b"]
