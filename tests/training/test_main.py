"""The command line: which commands there are, what loading them costs, and how they fail."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest

from tests.support.paths import ROOT
from training import __main__ as training_main
from training.commands import credits

HEAVY = {"keras", "tensorflow", "jax", "scipy", "soundfile", "museval"}


def names() -> list[str]:
    return [command.__name__.rpartition(".")[2].replace("_", "-") for command in training_main.COMMANDS]


def test_every_file_of_a_command_is_one():
    files = [path.stem for path in (ROOT / "training/commands").glob("*.py") if path.stem != "__init__"]
    modules = [importlib.import_module(f"training.commands.{file}") for file in files]
    assert {module for module in modules if hasattr(module, "HELP")} == set(training_main.COMMANDS)


def test_help_is_quick_and_says_what_a_command_does():
    code = f"""
import sys
from training.__main__ import main
for arguments in ([], *([name] for name in {names()})):
    try:
        main([*arguments, "--help"])
    except SystemExit as end:
        assert end.code == 0
print(*sys.modules)
"""
    environment = {**os.environ, "COLUMNS": "2000"}  # no line is broken
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    )
    helps, _, modules = done.stdout.strip().rpartition("\n")
    assert not HEAVY & set(modules.split())
    said = " ".join(helps.split())
    for name, command in zip(names(), training_main.COMMANDS, strict=True):
        assert f"usage: python -m training {name} " in said
        assert command.HELP in said
        assert " ".join(command.__doc__.split()) in said


def test_an_unknown_command_or_option_is_an_error(capsys):
    for arguments in (["dance"], ["credits", "run", "--data", "d", "--name", "n", "--nam", "m"]):
        with pytest.raises(SystemExit) as end:
            training_main.main(arguments)
        assert end.value.code == 2
    assert "unrecognized arguments: --nam m" in capsys.readouterr().err


def test_a_second_folder_of_data_is_refused_not_taken_alone(capsys):
    with pytest.raises(SystemExit, match="2"):
        training_main.main(["train", "a.toml", "--data", "a", "--data", "b"])
    assert "argument --data: expected once. Received: a and b" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--hosts", "--gpus"])
def test_options_of_a_cluster_without_one_are_refused(capsys, option):
    assert training_main.main(["train", "a.toml", "--data", "a", "--out", "b", option, "2"]) == 1
    assert capsys.readouterr().err.startswith("error: --hosts, --gpus: expected --cluster with them. Received: ")


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (ValueError("no such thing"), 1, "error: no such thing"),
        (OSError("disk full"), 1, "error: disk full"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (
            ImportError("No module named 'museval'"),
            1,
            "error: No module named 'museval': `pip install -e \".[train]\"`",
        ),
    ],
)
def test_what_goes_wrong_is_one_line(monkeypatch, capsys, error, status, line):
    def fail(args) -> None:
        raise error

    monkeypatch.setattr(credits, "run", fail)
    assert training_main.main(["credits", "run", "--data", "data", "--name", "mine"]) == status
    assert capsys.readouterr().err.splitlines() == [line]
