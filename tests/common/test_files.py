"""Files are written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest

from common import files
from common.files import locked, sha256_of, write_json, write_text, written_beside
from tests.support.paths import ROOT


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "one ≥ 0")
    assert path.read_text(encoding="utf-8") == "one ≥ 0"

    def fail() -> None:
        with written_beside(path) as part:
            part.write_text("half of t")
            assert path.read_text(encoding="utf-8") == "one ≥ 0"  # a reader never sees half a file
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_text(encoding="utf-8") == "one ≥ 0"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_has_left_is_removed(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    path = tmp_path / "a [1].txt"
    (tmp_path / f".a [1].txt.{dead.pid}.part").write_text("half of t")
    running = tmp_path / f".a [1].txt.{os.getppid()}.part"
    running.write_text("somebody else's")
    write_text(path, "two")
    assert sorted(tmp_path.iterdir()) == sorted([path, running])


def test_json_is_written_as_people_read_it(tmp_path):
    value = {"voice": "Käthe", "gain": [1, 2.5]}
    write_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == value
    assert "Käthe" in text
    assert text.endswith("}\n")
    before = (tmp_path / "a.json").read_bytes()
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"what": object()})
    assert (tmp_path / "a.json").read_bytes() == before


def test_a_digest_is_that_of_the_whole_file(tmp_path):
    content = bytes(range(256)) * 5000  # more than is read at once
    (tmp_path / "a.bin").write_bytes(content)
    assert sha256_of(tmp_path / "a.bin") == hashlib.sha256(content).hexdigest()


def test_a_folder_is_locked_while_a_process_lives(tmp_path):
    """Killed, it leaves the file, which locks nobody out."""
    folder = tmp_path / "run"
    code = "import sys, time; from pathlib import Path; from common.files import locked\n"
    code += "with locked(Path(sys.argv[1]), 'train'): print('locked', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, folder], cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(ValueError, match=r"run: .* another train is writing to"), locked(folder, "train"):
            pass
        other.kill()
    assert (folder / ".lock").exists()
    with locked(folder, "train"), pytest.raises(ValueError, match="expected a folder"), locked(folder, "train"):
        pass
    assert not list(folder.iterdir())


def test_a_lock_that_its_holder_has_removed_is_none(tmp_path, monkeypatch):
    """It was opened while the holder had it, and locked when the holder had ended."""

    def late(file):
        os.unlink(file.name)
        return original(file)

    original = files._lock
    monkeypatch.setattr(files, "_lock", late)
    with (
        pytest.raises(ValueError, match="expected a folder that no other process writes to"),
        locked(tmp_path, "train"),
    ):
        pass
