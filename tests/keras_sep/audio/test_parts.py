from __future__ import annotations

import os
import subprocess
import sys

import numpy as np

from keras_sep.audio import AudioWriter, sweep_parts
from tests.support.needs import needs_posix


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_parts_of_dead_processes_are_removed(tmp_path):
    pid = dead_pid()
    for name in (f".vocals.wav.{pid}.part", f".a b.ä.flac.float.{pid}.part", f".x.{10**30}.part"):
        (tmp_path / name).write_bytes(b"x")
    kept = ["vocals.wav", f".vocals.{os.getpid()}.part", f"a.{pid}.part", ".vocals.wav.part", f".a.{pid}.partial"]
    for name in kept:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / f".folder.{pid}.part").mkdir()
    removed = sweep_parts(tmp_path)
    assert {path.name for path in removed} == {
        f".vocals.wav.{pid}.part",
        f".a b.ä.flac.float.{pid}.part",
        f".x.{10**30}.part",
    }
    assert {path.name for path in tmp_path.iterdir()} == {*kept, f".folder.{pid}.part"}
    assert sweep_parts(tmp_path) == []
    assert sweep_parts(tmp_path / "missing") == []


@needs_posix
def test_a_part_that_is_being_written_stays_wherever_its_process_runs(tmp_path, monkeypatch):
    """In another container, or on another computer, its number says nothing here: the lock does."""
    foreign = tmp_path / f".a.wav.{dead_pid()}.part"
    monkeypatch.setattr("keras_sep.audio.writer.part_of", lambda path: foreign)
    writer = AudioWriter(tmp_path / "a.wav", 44100, 2)
    writer.open()
    writer.write(np.zeros((100, 2), np.float32))
    assert sweep_parts(tmp_path) == []
    writer.finish()
    assert sweep_parts(tmp_path) == []
    writer.commit()
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@needs_posix
def test_what_a_killed_process_has_left_is_removed(tmp_path):
    code = (
        "import os, signal, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from keras_sep.audio import AudioWriter\n"
        f"writer = AudioWriter(Path({str(tmp_path)!r}) / 'a.flac', 44100, 2, 'flac', clip_mode='rescale')\n"
        "writer.open(); writer.write(np.zeros((100, 2), np.float32)); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code])
    assert len(list(tmp_path.iterdir())) == 2
    assert len(sweep_parts(tmp_path)) == 2
    assert not list(tmp_path.iterdir())
