"""The document of the counts."""

from __future__ import annotations

import pytest

from common.files import write_json
from fuzz.__main__ import main


def test_the_counts_of_all_calls_become_a_document(tmp_path, capsys):
    audio = {"seed": 3, "files": 100, "seconds": 5.0, "peak_mb": 120.4, "kinds": {"whole": 70, "refused": 30}}
    models = {"content": {"inputs": 20000, "seeds": [1, 2], "peak_mb": 57, "failed": 0}}
    kills = {"seed": 8, "done": {"TERM": 5, "KILL": 4}, "statuses": {}, "failures": ["KILL 2: not whole"]}
    arguments = ["report", "--write", str(tmp_path / "out.md")]
    for name in ("audio", "models", "kills"):
        arguments += [f"--{name}", str(tmp_path)]
    write_json(tmp_path / "audio-3.json", {**audio, "findings": []})
    write_json(tmp_path / "models.json", models)
    assert main(arguments) == 1
    assert f"{tmp_path}: expected counts in kills-*.json. Received: none" in capsys.readouterr().err
    write_json(tmp_path / "kills-separate-flac-8.json", kills)
    assert main(arguments) == 0
    text = (tmp_path / "out.md").read_text()
    for row in (
        "| 3 | 100 | 70 | 0 | 30 | 120 | 20 | 0 |",
        "| content | 20000 | 1, 2 | 57 | 0 |",
        "| separate-flac | 8 | 5 | 0 | 0 | 4 | 0 | 0 | 1 |",
    ):
        assert row in text.splitlines()


@pytest.mark.parametrize("arguments", [["kills", "--ends", "TERM,STOP"], ["kills", "--commands", "play"]])
def test_unknown_names_are_one_line(capsys, arguments):
    assert main(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected some of" in line
