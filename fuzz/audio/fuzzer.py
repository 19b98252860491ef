"""Damaged audio files, separated by thousands in a process with limits of time and memory."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.files import made_anew, write_json
from fuzz.audio.mutations import mutate
from fuzz.audio.seed_files import make_seed_files
from fuzz.audio.worker import MOST_MEMORY

MOST_SECONDS = 10.0  # of processor time that a file may take
_MOST_WAITING = 60.0  # seconds without an answer, on a machine that does other things, too
_SAVED_EVERY = 100  # files
_CONFIRMED = ("memory", "time")  # by a fresh process: the one in hand may have collected much


class Worker:
    """A process of `fuzz.audio.worker`, started anew when it has ended.

    Args:
        folder: where it puts outputs, and what is known of a crash.
        module: that it runs.
    """

    def __init__(self, folder: Path, module: str = "fuzz.audio.worker"):
        self._folder, self._module = folder, module
        self._process: subprocess.Popen[str] | None = None

    def check(self, path: Path) -> dict[str, Any]:
        """Returns the worker's answer about a file; "crash", "time" and "memory" are kinds of outcome, too."""
        process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
        except OSError:
            return self._crashed()
        begin, used = time.monotonic(), _processor_s(process.pid)
        while not self._has_answered(process, 0.25):
            spent = _processor_s(process.pid) - used
            if spent > MOST_SECONDS or time.monotonic() - begin > _MOST_WAITING:
                self.close()
                return {"kind": "time", "problem": f"{spent:.1f} s of processor time without an end"}
        answer = self._answer(process)
        if answer is None:
            return self._crashed()
        if answer["peak_mb"] > MOST_MEMORY >> 20:
            self.close()
            return {**answer, "kind": "memory", "problem": f"{answer['peak_mb']:.0f} MB of memory"}
        return answer

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", self._module, str(self._folder)]
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MALLOC_ARENA_MAX"), "1")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | one,
            cwd=Path(__file__).parents[2],
        )
        if self._answer(self._process) != "ready":
            raise ValueError(f"{' '.join(command)}: expected it to start. Received: it ended")
        return self._process

    def _has_answered(self, process: subprocess.Popen[str], seconds: float) -> bool:
        assert process.stdout is not None
        return bool(select.select([process.stdout], [], [], seconds)[0])

    def _answer(self, process: subprocess.Popen[str]) -> Any:
        assert process.stdout is not None
        line = process.stdout.readline()
        return json.loads(line) if line else None

    def _crashed(self) -> dict[str, Any]:
        assert self._process is not None
        status = self._process.wait()
        self.close()
        with contextlib.suppress(OSError):
            return {"kind": "crash", "problem": f"status {status}\n{(self._folder / 'crash.txt').read_text()}"}
        return {"kind": "crash", "problem": f"status {status}"}


def fuzz_audio(folder: Path, seed: int, seconds: float) -> int:
    """Separates damaged files for some time, from where the last call with this folder and seed has stopped.

    Args:
        folder: keeps the counts, and in `findings` each file that was dealt with wrongly, with a text.
        seed: with the number of a file, all that it depends on.

    Returns:
        Files that were dealt with wrongly, by all calls.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state_file = folder / f"audio-{seed}.json"
    state: dict[str, Any] = {"seed": seed, "files": 0, "seconds": 0.0, "peak_mb": 0.0, "kinds": {}, "findings": []}
    if state_file.exists():
        state = json.loads(state_file.read_text(encoding="utf-8"))
    kinds = Counter(state["kinds"])
    seeds = _seed_files(folder)
    begin = saved = time.monotonic()

    def save() -> None:
        nonlocal saved
        now = time.monotonic()
        state["seconds"] += now - saved
        state["kinds"], saved = dict(kinds), now
        write_json(state_file, state)

    with tempfile.TemporaryDirectory(dir=_memory()) as place, contextlib.closing(Worker(Path(place))) as worker:
        path = Path(place, "song")
        while time.monotonic() - begin < seconds:
            name, content = damaged_file(seeds, seed, state["files"])
            path.write_bytes(content)
            answer = worker.check(path)
            if answer["kind"] in _CONFIRMED:
                worker.close()
                first, answer = answer["kind"], worker.check(path)
                if answer["kind"] != first:
                    kinds[f"{first}, not by a fresh process"] += 1
            kinds[answer["kind"]] += 1
            state["peak_mb"] = max(state["peak_mb"], answer.get("peak_mb", 0.0))
            if answer["problem"]:
                found = f"{seed}-{state['files']}"
                state["findings"].append(f"{found}: {answer['problem'].splitlines()[0]}")
                _keep(folder / "findings", found, name, content, answer)
            state["files"] += 1
            if state["files"] % _SAVED_EVERY == 0:
                save()
        save()
    print(f"seed {seed}: {state['files']} files in {state['seconds']:.0f} s, {state['peak_mb']:.0f} MB at most")
    print(", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))
    for finding in state["findings"]:
        print(finding)
    return len(state["findings"])


def try_files(paths: Sequence[Path]) -> int:
    """Separates these files; prints and counts those that are dealt with wrongly."""
    failed = 0
    with tempfile.TemporaryDirectory(dir=_memory()) as place, contextlib.closing(Worker(Path(place))) as worker:
        for path in paths:
            answer = worker.check(path.resolve())
            print(f"{path}: {answer['kind']}{': ' * bool(answer['problem'])}{answer['problem'] or ''}")
            failed += bool(answer["problem"])
    return failed


def damaged_file(seeds: dict[str, bytes], seed: int, number: int) -> tuple[str, bytes]:
    """Returns the name of the intact file, and what has become of it."""
    rng = random.Random(f"{seed} {number}")
    name = rng.choice(sorted(seeds))
    return name, mutate(rng, seeds[name], list(seeds.values()))


def _seed_files(folder: Path) -> dict[str, bytes]:
    """Returns the intact files, which are kept, as some hold random numbers: damage is the same in every call."""
    kept = folder / "intact"
    if not kept.exists():
        with made_anew(kept) as part:
            for name, content in make_seed_files().items():
                (part / name).write_bytes(content)
    return {file.name: file.read_bytes() for file in sorted(kept.iterdir())}


def _keep(findings: Path, found: str, name: str, content: bytes, answer: dict[str, Any]) -> None:
    findings.mkdir(exist_ok=True)
    (findings / f"{found}.bin").write_bytes(content)
    text = f"made of {name}, CRC-32 {zlib.crc32(content):08x}\n{answer['kind']}: {answer['problem']}\n"
    (findings / f"{found}.txt").write_text(text, encoding="utf-8")


def _memory() -> str | None:
    """Returns a folder of a file system in memory, where there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _processor_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
