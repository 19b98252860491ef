"""Commands that are modules."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from common.command_line import run_command
from tests.support.paths import ROOT


def command(name: str, run) -> ModuleType:
    module = ModuleType(f"somewhere.{name}")
    module.HELP = f"help of {name}"

    def add_arguments(parser) -> None:
        parser.add_argument("--level", type=int, default=3)
        parser.add_argument("--data", type=Path, default=Path("there"))

    module.add_arguments = add_arguments
    module.run = run
    return module


def call(run, *arguments: str) -> int:
    return run_command("python -m it", "It.", [command("do_this", run)], "train,dev", ["do-this", *arguments])


def failing(error: BaseException):
    def run(args):
        raise error

    return run


def test_a_command_gets_its_arguments_and_gives_the_status():
    assert call(lambda args: args.level, "--level", "5") == 5
    assert call(lambda args: None) == 0


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (ValueError("expected x. Received: y"), 1, "error: expected x. Received: y\n"),
        (FileNotFoundError("no file"), 1, "error: no file\n"),
        (ImportError("No module named 'z'"), 1, "error: No module named 'z': `pip install -e \".[train,dev]\"`\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_what_goes_wrong_is_one_line_and_a_status(error, status, line, capsys):
    assert call(failing(error)) == status
    assert capsys.readouterr() == ("", line)


def test_a_mistake_of_ours_is_not_hidden():
    with pytest.raises(KeyError):
        call(failing(KeyError("x")))


def test_options_are_not_abbreviated(capsys):
    with pytest.raises(SystemExit, match="2"):
        call(lambda args: None, "--lev", "5")
    assert "unrecognized arguments: --lev 5" in capsys.readouterr().err


def test_a_folder_given_twice_is_refused_because_one_would_be_lost(capsys):
    for second in ("b", "a", "there"):  # another one, the same, and the default
        with pytest.raises(SystemExit, match="2"):
            call(lambda args: 0, "--data", "a", "--data", second)
        assert f"argument --data: expected once. Received: a and {second}" in capsys.readouterr().err
    for _ in range(2):
        assert call(lambda args: int(args.data.name), "--data", "5") == 5
    assert call(lambda args: args.level, "--level", "5", "--level", "6") == 6


def test_help_names_the_commands_with_hyphens(capsys):
    with pytest.raises(SystemExit, match="0"):
        run_command("python -m it", "It.", [command("do_this", None)], "", ["--help"])
    assert "do-this" in (out := capsys.readouterr().out)
    assert "help of do_this" in out


@pytest.mark.parametrize("folder", ["export", "benchmarks"])
def test_every_file_of_the_commands_is_one(folder):
    main, package = (importlib.import_module(f"{folder}.{name}") for name in ("__main__", "commands"))
    assert {command.__name__.rpartition(".")[2] for command in main.COMMANDS} == {
        module.name for module in pkgutil.iter_modules(package.__path__)
    }


@pytest.mark.parametrize("folder", ["export", "benchmarks"])
def test_help_needs_nothing_heavy(folder):
    code = f"import sys, {folder}.__main__; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"numpy", "keras", "tensorflow", "soundfile"} & set(found.stdout.split())
