"""The counts of all calls, as a document."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from common.files import write_text
from common.markdown import table
from fuzz.kills.bench import ENDS

_HEAD = """# Robustness

Written by `python -m fuzz report`. A call with the same folder and seed goes on where the last one stopped, and the
counts grow; `make fuzz` and `make kills` make new ones. [Formats](../guide/formats.md) says what becomes of damage.
"""
_AUDIO = """## Damaged audio

Intact files of a tenth of a second, of every kind that is read, with one to three mutations (headers, numbers, bit
flips, cuts, splices), separated by a network that costs nothing, in a process that may take 500 MB and, for a file, 10
s. "Wrong" is a crash, a traceback, an unforeseen error, a hang, too much memory, a file left open, or stems that are
not whole. What was found is a test now (`tests/fuzz/audio/corpus`).
"""
_MODELS = """## Damaged model files

By atheris, guided by the lines that an input reaches: `content` is a file that is anything, `metadata` an intact file
with any metadata, opened by `Separator`, `spec` the text of a StreamSpec. Any error but the one that users are told of
is wrong.
"""
_KILLS = """## Ended commands

Each command is ended at a random moment by a signal, a disk that is full, or an output folder that vanishes, and then
given again. Each cell is the number of times. What it had finished must be whole, of what it had not nothing may stay
but hidden parts, and after the second time everything must be as if nothing had happened, samples and weights equal.
"""


def write_report(audio: Path, models: Path, kills: Path, document: Path) -> None:
    """Writes a document of what `fuzz_audio`, `fuzz_models` and `kill` have kept in these folders.

    Raises:
        ValueError: a folder without counts.
    """
    sections = [_AUDIO, _audio(_read(audio, "audio-*.json")), _MODELS, _models(_read(models, "models.json"))]
    sections += [_KILLS, _kills(_read(kills, "kills-*.json"))]
    write_text(document, "\n".join([_HEAD, *sections]))


def _read(folder: Path, pattern: str) -> dict[str, Any]:
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob(pattern))}
    if not found:
        raise ValueError(f"{folder}: expected counts in {pattern}. Received: none")
    return found


def _audio(states: dict[str, Any]) -> str:
    rows = []
    for state in states.values():
        kinds = Counter(state["kinds"])
        counts = [kinds[kind] for kind in ("whole", "damaged", "refused")]
        rate = state["files"] / state["seconds"]
        rows.append([state["seed"], state["files"], *counts, f"{state['peak_mb']:.0f}", f"{rate:.0f}"])
        rows[-1].append(len(state["findings"]))
    heads = ["seed", "files", "separated", "with a warning", "refused", "largest MB", "files a second", "wrong"]
    return table(heads, rows) + "\n"


def _models(states: dict[str, Any]) -> str:
    rows = [
        [target, counts["inputs"], ", ".join(map(str, counts["seeds"])), counts["peak_mb"], counts["failed"]]
        for target, counts in states["models"].items()
    ]
    return table(["target", "inputs", "seeds", "largest MB", "wrong"], rows) + "\n"


def _kills(states: dict[str, Any]) -> str:
    rows = []
    for name, state in states.items():
        command = name.removeprefix("kills-").rpartition("-")[0]
        rows.append([command, state["seed"], *(state["done"].get(end, 0) for end in ENDS), len(state["failures"])])
    return table(["command", "seed", *ENDS, "wrong"], rows) + "\n"
