from __future__ import annotations

import csv

import numpy as np
import pytest

from tests.support.paths import ROOT
from training.data.datasets.leakage import (
    pool_songs,
    refuse_shared,
    shared_songs,
    song_key,
    stem_hashes,
    without_stems,
)
from training.data.stems import Song, Stem, StemPool

LISTS = ROOT / "tests" / "data" / "song_lists.csv"


@pytest.fixture(scope="module")
def songs() -> dict[tuple[str, str], list[str]]:
    """The real lists, by (data set, part).

    DSD100: dsdtools/configs/tracklist.csv of faroit/dsdtools, numbered as its folders are, with song 81 as its folder
    spells it. MUSDB18: content/datasets/assets/tracklist.csv of sigsep/website, and the names of the files in test/.
    MedleyDB: medleydb/resources/tracklist_v1.txt of marl/medleydb.
    """
    found: dict[tuple[str, str], list[str]] = {}
    with LISTS.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.setdefault((row["dataset"], row["part"]), []).append(row["song"])
    return found


def test_how_much_of_musdb18_is_in_dsd100_and_medleydb(songs):
    dev, test = songs["DSD100", "Dev"], songs["DSD100", "Test"]
    musdb_train, musdb_test, medley = songs["MUSDB18", "train"], songs["MUSDB18", "test"], songs["MedleyDB", "1"]
    assert [len(names) for names in (dev, test, musdb_train, musdb_test, medley)] == [50, 50, 100, 50, 122]
    assert [len(shared_songs(part, musdb_test)) for part in (test, dev, medley)] == [23, 23, 0]
    assert [len(shared_songs(part, musdb_train)) for part in (test, dev, medley)] == [27, 27, 46]
    rest = set(musdb_test) - set(shared_songs(test + dev, musdb_test))
    assert {name.split(" - ")[0] for name in rest} == {"PR", "The Easton Ellises", "The Easton Ellises (Baumi)"}


def test_different_songs_have_different_keys(songs):
    for part in songs.values():
        assert len({song_key(name) for name in part}) == len(part)
    assert not shared_songs(songs["DSD100", "Dev"], songs["DSD100", "Test"])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("051 - AM Contra - Heart Peripheral", "AM Contra - Heart Peripheral"),
        ("MusicDelta_Rock", "Music Delta - Rock"),
        ("MusicDelta_Rock", "musicdelta_rock"),
        ("023 - Jokers, Jacks & Kings - Sea Of Leaves", "Jokers Jacks and Kings - Sea Of Leaves"),
        ("081 - Patrick Talbot - Set Me Free", "Patrick Talbot - Set Free Me"),
        ("Motörhead - Café", "Motorhead - Cafe"),
    ],
)
def test_spellings_of_one_song(a, b):
    assert song_key(a) == song_key(b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Music Delta - Country1", "Music Delta - Country2"),
        ("Music Delta - 80s Rock", "Music Delta - Rock"),
        ("80s Rock", "Rock"),
        ("Flags - 54", "Flags"),
        ("BKS - Bulldozer", "BKS - Too Much"),
        ("---", "***"),
    ],
)
def test_two_songs_stay_two(a, b):
    assert song_key(a) != song_key(b)


def test_shared_songs_are_refused_by_name_and_by_content():
    refuse_shared(["one"], ["two"], "validation", trained_sha256=["a"], other_sha256={"b": "two"})
    with pytest.raises(ValueError, match=r"validation: 1 of the songs .*: 7 - ONE\. .*--exclude-shared"):
        refuse_shared(["one"], ["7 - ONE", "two"], "validation")
    with pytest.raises(ValueError, match=r"2 of the songs .*: 01 - one; two\. "):
        refuse_shared(
            ["one"], ["01 - one", "two"], "test", trained_sha256=["a", "b"], other_sha256={"a": "01 - one", "b": "two"}
        )


@pytest.mark.parametrize(("trained", "other"), [(16, 64), (64, 16), (64, 64), (16, 16)])
def test_a_hash_is_known_by_its_first_digits(trained, other):
    sha256, alike = "ab" * 32, "ab" * 7 + "cd" * 25
    refuse_shared([], [], "test", trained_sha256=[alike[:trained]], other_sha256={sha256[:other]: "two"})
    with pytest.raises(ValueError, match=r"1 of the songs .*: two\. "):
        refuse_shared([], ["two"], "test", trained_sha256=[sha256[:trained]], other_sha256={sha256[:other]: "two"})


def test_what_a_pool_holds():
    audio = np.zeros((1, 1), np.int16)
    vocals, accompaniment, voice = (
        Stem(path, "", audio, sha256=sha256, song=song)
        for path, sha256, song in (("v", "1", "A - B"), ("a", "2", "A - B"), ("voices/x.wav", "3", ""))
    )
    pool = StemPool([Song("A - B", vocals, accompaniment)], [voice])
    assert pool_songs(pool) == ["A - B"]
    assert stem_hashes(pool) == {"1": "A - B", "2": "A - B", "3": "voices/x.wav"}
    assert without_stems(pool, ["4"]) == pool
    assert list(without_stems(pool, ["2", "4"]).stems()) == [voice]
    assert list(without_stems(pool, ["3"]).stems()) == [vocals, accompaniment]
