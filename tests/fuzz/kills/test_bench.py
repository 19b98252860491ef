"""Commands that are ended at random moments; a few of them here, hundreds by `python -m fuzz kills`."""

from __future__ import annotations

import dataclasses
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fuzz.kills.bench import ENDS, Bench
from fuzz.kills.scenarios import SCENARIOS, Scenario, files_in
from tests.support.needs import needs_posix
from tests.support.paths import ROOT
from tests.support.small_disk import small_disk

pytestmark = needs_posix


def write(out: Path, name: str, whole: bool) -> None:
    """Writes "1234", slowly."""
    out.mkdir(parents=True, exist_ok=True)
    target = out / name if not whole else out / f".{name}.part"
    with target.open("w", buffering=1) as file:
        for digit in "1234":
            file.write(f"{digit}\n")
            time.sleep(0.02)
    target.replace(out / name)


def contents(out: Path) -> dict[str, str]:
    return {name: file.read_text() for name, file in files_in(out).items()}


def scenario(command) -> Scenario:
    return Scenario(
        inputs=lambda folder: None,
        command=command,
        results=contents,
        is_part_of=lambda found, complete: all(complete.get(name) == text for name, text in found.items()),
        disk_kb=8,
        load=lambda: None,
    )


def half_a_file(inputs: Path, out: Path) -> int:
    write(out, "a", whole=False)
    return 0


def a_whole_file(inputs: Path, out: Path) -> int:
    write(out, "a", whole=True)
    return 0


def never_twice(inputs: Path, out: Path) -> int:
    (out / "b").mkdir(parents=True)
    write(out, "a", whole=True)
    return 0


def quiet_failure(inputs: Path, out: Path) -> int:
    try:
        write(out, "a", whole=True)
    except OSError:
        return 1
    return 0


def first_problem(place: Path, command, end: str, cases: int) -> str | None:
    bench = Bench(scenario(command), place, can_fill=False)
    found = (bench.case(random.Random(number), end)[1] for number in range(cases))
    return next(filter(None, found), None)


def test_a_command_that_writes_whole_files_passes(tmp_path):
    assert first_problem(tmp_path, a_whole_file, "KILL", cases=5) is None


@pytest.mark.parametrize(
    ("command", "end", "expected"),
    [
        (half_a_file, "KILL", "not whole, or other results: ['a']"),
        (never_twice, "KILL", "given again: status"),
        (a_whole_file, "INT", "parts are left: ['.a.part']"),
        (quiet_failure, "gone", "status 1 without an error, said ''"),
    ],
)
def test_what_goes_wrong_is_noticed(tmp_path, command, end, expected):
    assert (first_problem(tmp_path, command, end, cases=50) or "none").startswith(expected)


def test_a_command_that_does_not_end_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr("fuzz.kills.bench._LONGEST_S", 1.0)
    bench = Bench(scenario(a_whole_file), tmp_path, can_fill=False)
    bench._scenario = dataclasses.replace(bench._scenario, command=lambda *_: time.sleep(60))
    status, problem = bench.case(random.Random(0), "gone")
    assert status is None
    assert "no end within 1 s" in problem


@pytest.mark.command
@pytest.mark.parametrize("name", SCENARIOS)
def test_each_command_ended_in_each_way(tmp_path, name):
    with small_disk(tmp_path / "try", 1):  # skips where no disk can be filled
        pass
    arguments = ["--commands", name, "--ends", ",".join(ENDS), "--cases", "1", "--folder", str(tmp_path)]
    seed = str(random.SystemRandom().randrange(10**6))
    command = [sys.executable, "-m", "fuzz", "kills", *arguments, "--seed", seed]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, f"seed {seed}\n{result.stdout}{result.stderr}"
