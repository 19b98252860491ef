from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keras_sep import AudioError, Separator
from keras_sep.batch.plan import Job
from keras_sep.batch.workers import Result, separate_all, usable_cores
from keras_sep.outputs import FileOptions, Output
from tests.support.needs import needs_posix

OPTIONS = FileOptions()


@pytest.fixture(scope="module")
def separator(unit_model) -> Separator:
    return Separator(model=unit_model("mask"))


@pytest.fixture
def jobs(tmp_path, music):
    """jobs(seconds, …) → one job for a song of each length, with the voice as its output."""

    def jobs(*lengths: float) -> list[Job]:
        made = []
        for number, seconds in enumerate(lengths):
            song = tmp_path / f"{number}.wav"
            soundfile.write(song, np.tile(music(0.5), (round(2 * seconds), 1)), 44100, subtype="FLOAT")
            made.append(Job(song, [Output(tmp_path / "out" / str(number) / "vocals.wav", {"vocals": 1.0})], OPTIONS))
        return made

    return jobs


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def run(separator, jobs, processes=2, progress=lambda *_: None, before_commit=lambda number: None) -> dict[int, Result]:
    return dict(separate_all(separator, jobs, processes, progress, before_commit))


@pytest.mark.parametrize("number", [1, 3])
def test_songs_are_separated_and_progress_is_told(separator, jobs, tmp_path, number):
    made, seen, committed = jobs(*[2.0] * number), [], []

    def before_commit(job: int) -> None:
        assert not made[job].outputs[0].path.exists()
        committed.append(job)

    results = run(separator, made, progress=lambda *numbers: seen.append(numbers), before_commit=before_commit)
    assert results == {job: Result() for job in range(number)}
    assert sorted(committed) == list(range(number))
    assert {job for job, *_ in seen} == set(range(number))
    assert {(total, rate) for _, _, total, rate in seen} == {(88200, 44100)}
    for job in made:
        x = soundfile.read(job.song, dtype="float32")[0]
        np.testing.assert_allclose(soundfile.read(job.outputs[0].path, dtype="float32")[0], x, atol=1e-5)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("number", [1, 2])
def test_what_goes_wrong_is_in_the_result(separator, jobs, tmp_path, number):
    made = jobs(*[0.5] * number)
    made[-1].song.write_text("no music")
    results = run(separator, made)
    assert "0.wav: expected an audio file." in (results[0].problem or "") or number == 2
    assert f"{number - 1}.wav: expected an audio file." in results[number - 1].problem
    assert [result.problem is None for _, result in sorted(results.items())] == [True] * (number - 1) + [False]


@pytest.mark.parametrize("number", [1, 2])
def test_a_job_that_may_not_be_put_in_place_leaves_nothing(separator, jobs, tmp_path, number):
    def refuse(_: int) -> None:
        raise AudioError("the record: cannot write: disk full")

    results = run(separator, jobs(*[0.5] * number), before_commit=refuse)
    assert set(results.values()) == {Result("the record: cannot write: disk full")}
    assert files(tmp_path) == [f"{job}.wav" for job in range(number)]


def test_an_unforeseen_exception_is_the_songs_own(separator, jobs, tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise LookupError("nobody thought of this")

    monkeypatch.setattr("keras_sep.separator.AudioWriter", fail)
    (job,) = jobs(0.5)
    assert run(separator, [job])[0] == Result(f"{job.song}: unexpected LookupError: nobody thought of this")


@needs_posix
@pytest.mark.parametrize("end", [signal.SIGSEGV, signal.SIGKILL])
def test_a_crash_costs_one_song(separator, jobs, tmp_path, end):
    made, killed = jobs(60.0, 0.5, 0.5, 0.5), []

    def kill(number: int, *_: object) -> None:
        if number == 0 and not killed:
            part = next((tmp_path / "out" / "0").glob(".*.part"))
            killed.append(int(part.suffixes[-2][1:]))
            os.kill(killed[0], end)

    results = run(separator, made, progress=kill)
    assert sorted(results) == [0, 1, 2, 3]
    assert f"0.wav: the process that separated it was ended by signal {end:d} (" in results[0].problem
    assert all(results[job] == Result() for job in (1, 2, 3))
    assert files(tmp_path / "out") == [f"{job}/vocals.wav" for job in (1, 2, 3)]


@pytest.mark.parametrize("number", [1, 2])
def test_an_end_in_between_leaves_nothing(separator, jobs, tmp_path, number):
    """What `progress` raises where one song is separated, and the end of whoever waits for several."""
    threads = threading.active_count()
    ended = separate_all(separator, jobs(*[300.0] * number), 2, stop_at_once, lambda _: None)
    with contextlib.closing(ended), pytest.raises(KeyboardInterrupt):
        next(ended)
    deadline = time.monotonic() + 10
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == threads
    assert multiprocessing.active_children() == []
    assert files(tmp_path) == [f"{job}.wav" for job in range(number)]


def stop_at_once(*_: object) -> None:
    raise KeyboardInterrupt


@needs_posix
def test_workers_end_with_whoever_started_them(unit_model, jobs, tmp_path):
    """Killed, it can tell them nothing; they leave no parts behind for long."""
    made = jobs(300.0, 300.0)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=separate_and_wait, args=(unit_model("mask"), made))
    process.start()
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "out").rglob("*.part"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.join()
    while files(tmp_path / "out") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert files(tmp_path / "out") == []


def separate_and_wait(model: Path, jobs: list[Job]) -> None:
    run(Separator(model=model), jobs)


def test_cores():
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
