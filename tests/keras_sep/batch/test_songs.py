from __future__ import annotations

import os
from pathlib import Path

import pytest

from keras_sep.batch.songs import Skipped, Song, find_songs
from tests.support.needs import needs_posix


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def find(folder: Path, *include: str, out: Path = Path("none"), made: tuple[str, ...] = ()) -> tuple[list[str], dict]:
    """Names of the songs, and why each other path is left out."""
    found = list(find_songs(folder, include, out, lambda path: path.name in made))
    songs = [item for item in found if isinstance(item, Song)]
    assert all(item.path.is_file() for item in songs)
    return [item.name for item in songs], {
        str(item.path.relative_to(folder)): item.reason for item in found if isinstance(item, Skipped)
    }


def test_songs_of_all_folders_in_the_order_of_their_names(tmp_path):
    make(
        tmp_path,
        "b.mp3",
        "a/2.FLAC",
        "a/1.wav",
        "a/deep/er/x.two.dots.m4a",
        "c.webm",
        "notes.txt",
        "a/cover.jpg",
        "Makefile",
    )
    names, skipped = find(tmp_path)
    assert names == ["a/1", "a/2", "a/deep/er/x.two.dots", "b", "c"]
    assert set(skipped) == {"notes.txt", "a/cover.jpg", "Makefile"}
    assert set(skipped.values()) == {"not an audio or film file by its suffix (--include takes others)"}


def test_hidden_files_the_output_folder_and_stems_are_left_out(tmp_path):
    make(tmp_path, ".a.wav", ".git/b.wav", "out/c.wav", "d.wav", "vocals.wav")
    names, skipped = find(tmp_path, out=tmp_path / "out", made=("vocals.wav",))
    assert names == ["d"]
    reasons = {".a.wav": "hidden", ".git": "hidden", "out": "the output folder", "vocals.wav": "made by keras-sep"}
    assert skipped == reasons


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        (["*.flac"], ["a/live/2", "a/live/3"]),
        (["*.FLAC", "*.txt"], ["a/live/2", "a/live/3", "notes"]),
        (["live/*"], []),
        (["a/*"], ["a/1", "a/live/2", "a/live/3"]),
        (["*/live/*"], ["a/live/2", "a/live/3"]),
        (["[13].*"], ["a/1", "a/live/3"]),
        (["?.wav"], ["a/1"]),
    ],
)
def test_patterns(tmp_path, include, expected):
    make(tmp_path, "a/1.wav", "a/live/2.flac", "a/live/3.Flac", "notes.txt")
    names, skipped = find(tmp_path, *include)
    assert names == expected
    assert set(skipped.values()) == {"not in --include"}


@needs_posix
def test_links_are_followed_once(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    make(elsewhere, "x.wav")
    library = tmp_path / "library"
    make(library, "a/1.wav")
    (library / "a" / "loop").symlink_to(library)
    (library / "b").symlink_to(elsewhere)
    (library / "c").symlink_to(elsewhere)
    (library / "song.wav").symlink_to(elsewhere / "x.wav")
    (library / "gone.wav").symlink_to(library / "nothing.wav")
    (library / "round.wav").symlink_to(library / "round.wav")
    names, skipped = find(library)
    assert names == ["a/1", "b/x", "song"]
    seen = "a folder that has been looked through already"
    assert skipped == {
        "a/loop": seen,
        "c": seen,
        "gone.wav": "a link to nothing",
        "round.wav": "a link to nothing",
    }


@needs_posix
def test_what_is_no_file_is_left_out(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    assert find(tmp_path) == ([], {"pipe.wav": "not a file"})


def test_deep_folders(tmp_path):
    make(tmp_path, "/".join("d" * 300) + "/x.wav")
    assert find(tmp_path)[0] == ["/".join("d" * 300) + "/x"]


@needs_posix
def test_a_folder_that_cannot_be_read_is_a_failure(tmp_path, monkeypatch):
    """Whoever runs the tests may be root, who may read everything."""
    make(tmp_path, "a/1.wav", "b/2.wav", "b/c/3.wav")
    iterdir = Path.iterdir

    def refuse(path: Path):
        if path.name == "b":
            raise PermissionError(13, "Permission denied")
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    found = list(find_songs(tmp_path, (), tmp_path / "out", lambda path: False))
    assert found == [
        Song(tmp_path / "a" / "1.wav", "a/1"),
        Skipped(tmp_path / "b", "cannot read: Permission denied", failed=True),
    ]
    assert list(find_songs(tmp_path / "none", (), tmp_path, lambda path: False)) == [
        Skipped(tmp_path / "none", "cannot read: No such file or directory", failed=True)
    ]
