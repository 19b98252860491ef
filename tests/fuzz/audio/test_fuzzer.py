"""Damaged audio files: those that were found, new ones, and whether what goes wrong is noticed."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fuzz.audio import fuzzer
from fuzz.audio.fuzzer import Worker, damaged_file, fuzz_audio
from fuzz.audio.mutations import mutate
from fuzz.audio.worker import Checker
from keras_sep import Separator
from keras_sep.audio.ogg import pages
from keras_sep.outputs import FileOptions
from tests.support.paths import ROOT

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.fixture
def checker(tmp_path) -> Checker:
    return Checker(tmp_path / "out")


@pytest.fixture
def song(tmp_path, music) -> Path:
    path = tmp_path / "song.wav"
    soundfile.write(path, music(0.2), 44100)
    return path


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_what_was_found_once_is_dealt_with(checker, tmp_path, path):
    shutil.copy(path, tmp_path / "song")
    _, problem = checker.check(tmp_path / "song")
    assert problem is None


def test_an_intact_file_a_damaged_one_and_text(checker, song):
    assert checker.check(song) == ("whole", None)
    song.write_bytes(song.read_bytes()[:-3000])
    assert checker.check(song)[1] is None
    song.write_text("text")
    assert checker.check(song) == ("refused", None)


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (lambda *_, **__: 1 / 0, "unexpected ZeroDivisionError"),
        (lambda *_, **__: print("a library's words", file=sys.stderr) or [], "a library's words"),
    ],
)
def test_a_wrong_outcome_is_noticed(checker, song, monkeypatch, harm, expected):
    monkeypatch.setattr(Separator, "separate_into", harm)
    assert expected in checker.check(song)[1]


def test_a_stem_that_is_cut_off_is_noticed(checker, song, monkeypatch):
    whole = Separator.separate_into

    def cut(separator, path, outputs, *arguments, **options):
        whole(separator, path, outputs, *arguments, **options)
        content = outputs[0].path.read_bytes()
        outputs[0].path.write_bytes(content[: len(content) // 2])
        return []

    monkeypatch.setattr(Separator, "separate_into", cut)
    monkeypatch.setattr("fuzz.audio.worker.options_for", lambda _: FileOptions())
    assert checker.check(song)[1] == "stems of [-1, 8820] samples"


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        ("fine", "whole", None),
        ("problem", "whole", "stems of [1, 2] samples"),
        ("memory", "memory", "501 MB of memory"),
        ("crash", "crash", "status -6\nFatal Python error: Aborted"),
        ("time", "time", "s of processor time without an end"),
    ],
)
def test_a_process_that_crashes_hangs_or_swells_is_noticed(tmp_path, monkeypatch, content, kind, expected):
    monkeypatch.setattr(fuzzer, "MOST_SECONDS", 0.3)
    path = tmp_path / "song"
    with contextlib.closing(Worker(tmp_path, "tests.support.bad_worker")) as worker:
        path.write_text(content)
        answer = worker.check(path)
        assert answer["kind"] == kind
        assert (answer["problem"] or "").endswith(expected or "")
        path.write_text("fine")
        assert worker.check(path)["problem"] is None  # a new one


def test_the_same_seed_damages_the_same_way():
    rng = np.random.default_rng(0)
    seeds = {name: rng.bytes(3000) for name in "abc"}
    first = [damaged_file(seeds, 1, number) for number in range(50)]
    assert first == [damaged_file(seeds, 1, number) for number in range(50)]
    assert first != [damaged_file(seeds, 2, number) for number in range(50)]
    assert all(content != seeds[name] for name, content in first)
    assert len({content for _, content in first}) == 50


def test_every_other_damaged_ogg_has_right_checksums(tmp_path, music):
    path = tmp_path / "song.ogg"
    soundfile.write(path, music(0.3), 44100)
    intact = path.read_bytes()
    counts = {True: 0, False: 0}
    for number in range(60):
        damaged = mutate(random.Random(number), intact, [intact])
        path.write_bytes(damaged)
        with path.open("rb") as file:
            found = [page for page in pages(file) if page is not None]
        counts[all(page.is_intact for page in found)] += 1
    assert min(counts.values()) > 10


class EveryOtherFails:
    def __init__(self, folder):
        self.count = 0

    def check(self, path):
        self.count += 1
        return {"kind": "whole", "problem": "wrong" if self.count % 2 else None, "peak_mb": 1.0}

    def close(self):
        pass


def test_the_next_call_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzzer, "_seed_files", lambda _: {"a": b"fine" * 100})
    monkeypatch.setattr(fuzzer, "Worker", EveryOtherFails)
    found = fuzz_audio(tmp_path, 3, 0.1)
    state = json.loads((tmp_path / "audio-3.json").read_text())
    assert state["files"] == sum(state["kinds"].values()) > found > 0
    assert len(list((tmp_path / "findings").glob("3-*.bin"))) == found
    assert fuzz_audio(tmp_path, 3, 0.1) > found
    assert json.loads((tmp_path / "audio-3.json").read_text())["files"] > state["files"]


@pytest.mark.parametrize("fresh", ["time", "whole"])
def test_what_a_fresh_process_says_counts(tmp_path, monkeypatch, fresh):
    class Slow:
        def __init__(self, folder):
            self.kinds = []

        def check(self, path):
            self.kinds = self.kinds or ["time", fresh]
            return {"kind": self.kinds.pop(0), "problem": None}

        def close(self):
            pass

    monkeypatch.setattr(fuzzer, "_seed_files", lambda _: {"a": b"fine" * 100})
    monkeypatch.setattr(fuzzer, "Worker", Slow)
    fuzz_audio(tmp_path, 3, 0.05)
    state = json.loads((tmp_path / "audio-3.json").read_text())
    unconfirmed = {} if fresh == "time" else {"time, not by a fresh process": state["files"]}
    assert state["kinds"] == {fresh: state["files"], **unconfirmed}


@pytest.mark.command
@pytest.mark.parametrize("command", ["audio", "models"])
def test_half_a_minute(tmp_path, command):
    """New files each time: by the day."""
    seed = str(int(np.datetime64("today").astype(int)))
    arguments = ["-m", "fuzz", command, "--seconds", "30", "--seed", seed, "--folder", str(tmp_path)]
    result = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
