"""A bench on which commands are ended at random moments, and given again.

What they had finished by then must be whole, what they had not must be absent, or be cleared away by the next run; and
the command given again must end as an undisturbed one.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common.files import write_json
from fuzz.kills.scenarios import SCENARIOS, Scenario, is_part

SIGNALS = ("TERM", "HUP", "INT", "KILL")
ENDS = (*SIGNALS, "full", "gone")
_SIGNALS = {signal.SIGTERM, signal.SIGHUP, signal.SIGINT}
_LONGEST_S = 300.0
_INTERRUPTED = 130


class Process:
    """A fork of this process that runs a command, in a separate session.

    Args:
        run: returns the exit status.
        messages: file for what it prints.
    """

    def __init__(self, run: Callable[[], int], messages: Path):
        self._status: int | None = None
        # None of them may come before they mean something to the command.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        self.pid = os.fork()
        if self.pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            return
        status = 70
        try:
            os.setsid()
            for name in ("TERM", "HUP"):
                signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            number = os.open(messages, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
            os.dup2(number, 1)
            os.dup2(number, 2)
            sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
            try:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
                status = run()
            except KeyboardInterrupt:
                status = _INTERRUPTED
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def wait(self, seconds: float) -> int | None:
        """Returns the status, negative for a signal, or None if it has not ended by then."""
        end = time.monotonic() + seconds
        while self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                break
            else:
                time.sleep(0.002)
        return self._status

    def others(self) -> list[int]:
        """Processes that it has started and that are still there."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == self.pid and fields[0] != "Z":
                found.append(int(folder.name))
        return found

    def end(self) -> None:
        """Ends it and all that it has started."""
        for pid in (self.pid, *self.others()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.wait(10)


class Disk:
    """A small file system in memory.

    Raises:
        ValueError: this user may not mount one.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            raise ValueError("--ends full: expected a user who may mount file systems. Received: one who may not")

    def resize(self, kb: int | None) -> None:
        size = "50%" if kb is None else f"{kb}k"
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self.folder)], check=True, capture_output=True)

    def close(self) -> None:
        subprocess.run(["umount", str(self.folder)], check=True)


def kill(folder: Path, seed: int, names: Sequence[str], ends: Sequence[str], cases: int) -> int:
    """Ends each command in each way at random moments, from where the last call with this folder and seed has stopped.

    Args:
        folder: keeps the counts, in `kills-SEED.json`.
        names: of SCENARIOS.
        ends: of ENDS.
        cases: of each command and end, in all calls.

    Returns:
        Cases that went wrong, by all calls.
    """
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in names:
        SCENARIOS[name].load()
        path = folder / f"kills-{name}-{seed}.json"
        state: dict[str, Any] = {"seed": seed, "done": {}, "statuses": {}, "failures": []}
        if path.exists():
            state = json.loads(path.read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as place:
            bench = Bench(SCENARIOS[name], Path(place), can_fill="full" in ends)
            try:
                print(f"{name}: {bench.seconds:.2f} s undisturbed", flush=True)
                for number in range(cases):
                    for end in ends:
                        if state["done"].get(end, 0) > number:
                            continue
                        status, problem = bench.case(random.Random(f"{seed} {name} {end} {number}"), end)
                        state["done"][end] = number + 1
                        statuses = Counter(state["statuses"].get(end, {}))
                        statuses[str(status)] += 1
                        state["statuses"][end] = dict(statuses)
                        if problem:
                            state["failures"].append(f"{end} {number}: {problem}")
                            print(f"{name}: {end} {number}: {problem}", flush=True)
                        write_json(path, state)
            finally:
                bench.close()
        print(f"{name}: {state['done']}, statuses {state['statuses']}, {len(state['failures'])} wrong", flush=True)
        failed += len(state["failures"])
    return failed


class Bench:
    """A scenario with its inputs, and what it makes undisturbed.

    Args:
        place: an empty folder.
        can_fill: the output folder is on a separate file system.
    """

    def __init__(self, scenario: Scenario, place: Path, can_fill: bool):
        self._scenario, self._place = scenario, place
        self._inputs, self._messages = place / "inputs", place / "messages"
        self._inputs.mkdir()
        scenario.inputs(self._inputs)
        self._disk = Disk(place / "disk") if can_fill else None
        self._out = place / "disk" / "out"
        try:
            if problem := self._complete():
                raise ValueError(f"undisturbed: {problem}")
            self._results = scenario.results(self._out)
            if not self._results:
                raise ValueError("undisturbed: expected results. Received: none")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._disk:
            self._disk.close()

    def case(self, rng: random.Random, end: str) -> tuple[int | None, str | None]:
        """Returns the status of the command that was disturbed, and what is wrong or None."""
        shutil.rmtree(self._out, ignore_errors=True)
        moment = rng.uniform(0.0, 1.05 * self.seconds)
        size = rng.randint(4, self._scenario.disk_kb)
        if end == "full" and self._disk:
            self._disk.resize(size)
        process = self._start()
        status = None
        if end != "full":
            status = process.wait(moment)
            if status is None and end == "gone":
                gone = self._out.with_name("gone")
                with contextlib.suppress(FileNotFoundError):
                    self._out.rename(gone)
                shutil.rmtree(gone, ignore_errors=True)
            elif status is None:
                os.kill(process.pid, getattr(signal, f"SIG{end}"))
        if status is None:
            status = process.wait(_LONGEST_S)
        problem = self._after(process, end, status)
        if end == "full" and self._disk:
            self._disk.resize(None)
        if problem is None and (again := self._complete()):
            problem = f"given again: {again}"
        if problem is None and not self._is_complete():
            problem = "given again: other results than undisturbed"
        return status, problem and f"{problem} (at {moment:.3f} s, {size} kB, status {status})"

    def _start(self) -> Process:
        return Process(lambda: self._scenario.command(self._inputs, self._out), self._messages)

    def _after(self, process: Process, end: str, status: int | None) -> str | None:
        """Returns what is wrong with the files that a disturbed command has left, or None."""
        if status is None:
            process.end()
            return f"no end within {_LONGEST_S:g} s"
        patience = time.monotonic() + 30
        while process.others():
            if time.monotonic() > patience:
                process.end()
                return "processes are still there"
            time.sleep(0.01)
        said = self._messages.read_text(errors="replace")
        if "Traceback" in said or " unexpected " in said:
            return f"said {said[-1500:]!r}"
        expected = {0, 1} if end in ("full", "gone") else {0, _INTERRUPTED, -getattr(signal, f"SIG{end}")}
        if status not in expected:
            return f"status {status}, said {said[-500:]!r}"
        if status == 1 and "error: " not in said:
            return f"status 1 without an error, said {said[-500:]!r}"
        try:
            found = self._scenario.results(self._out)
        except Exception as error:
            return f"not whole: {type(error).__name__}: {error}"
        if not self._scenario.is_part_of(found, self._results):
            return f"not whole, or other results: {sorted(found)}"
        # Everything may have vanished when all was done, but nothing may be made anew without the rest.
        if status == 0 and (end != "gone" or self._out.exists()) and not self._is_complete():
            return "status 0 without all results"
        is_killed = status < 0
        if not is_killed and (parts := self._parts()):
            return f"parts are left: {parts}"
        return None

    def _parts(self) -> list[str]:
        return [str(file.relative_to(self._out)) for file in self._out.rglob("*") if is_part(file)]

    def _complete(self) -> str | None:
        """Gives the command undisturbed; returns what is wrong or None."""
        begin = time.monotonic()
        process = self._start()
        status = process.wait(_LONGEST_S)
        self.seconds = time.monotonic() - begin  # the machine may be busier now, or less
        if status != 0:
            process.end()
            return f"status {status}, said {self._messages.read_text(errors='replace')[-1500:]!r}"
        parts = self._parts()
        return f"parts are left: {parts}" if parts else None

    def _is_complete(self) -> bool:
        return _equal(self._scenario.results(self._out), self._results)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if hasattr(a, "tobytes") and hasattr(b, "tobytes"):
        return a.shape == b.shape and a.tobytes() == b.tobytes()
    return bool(a == b)
