"""Scores of a cluster are those of this machine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import soundfile

from tests.support.paths import ROOT
from training.__main__ import main


def files(folder: Path) -> dict[str, bytes]:
    """A result folder, but for the day and the tools, and the time that libsndfile writes into wav."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name in found:
        if name.endswith(".wav"):
            found[name] = soundfile.read(folder / name, dtype="float32")[0].tobytes()
    found.pop("summary.md")  # made of the others, with the folder's name and the day
    about = json.loads(found.pop("data.json"))
    return found | {"songs": json.dumps(about["songs"]).encode()}


@pytest.mark.slow("starts Ray, and scores songs on it")
def test_a_cluster_scores_as_this_machine_does(data, tmp_path, monkeypatch):
    """To the bit: a model, two references, an altered mixture."""
    monkeypatch.setenv("PYTHONPATH", os.fspath(ROOT))

    def evaluate(out: str, *more: str) -> int:
        arguments = ["--data", str(data), "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / out)]
        return main(["evaluate", *arguments, "--protocols", "v4", *more])

    model = ("--preset", "small", "--references", "mixture,irm1", "--robustness", "mono", "--save-estimates")
    for out, where in (("here", ("--jobs", "1")), ("there", ("--cluster", "local"))):
        assert evaluate(out, *model, *where) == 0
    there, here = files(tmp_path / "there"), files(tmp_path / "here")
    assert there.keys() == here.keys()
    assert [name for name in here if there[name] != here[name]] == []
