"""Damaged model files, made by atheris where its instrumentation finds new ways through the readers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from common.files import write_json
from fuzz.models.inputs import TARGETS, beginnings

_MOST_SECONDS, _MOST_MEMORY_MB = 10, 500  # for one input


def fuzz_models(folder: Path, seed: int, seconds: float) -> int:
    """Tries each target for an equal part of the time, from the corpus that former calls have left.

    Args:
        folder: keeps the corpora, the counts in `models.json`, and what was found.
        seed: libFuzzer's, 1 or more.

    Returns:
        Targets that failed.
    """
    import atheris  # noqa: F401  # says what is missing

    path, failed = folder / "models.json", 0
    counts: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for target in TARGETS:
        corpus = folder / target
        corpus.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(beginnings(target)):
            (corpus / f"intact-{number}").write_bytes(content)
        options = {
            "max_total_time": max(1, round(seconds / len(TARGETS))),
            "timeout": _MOST_SECONDS,
            "rss_limit_mb": _MOST_MEMORY_MB,
            "seed": seed,
            "print_final_stats": 1,
            "artifact_prefix": folder / f"{target}-",
        }
        command = [sys.executable, "-m", "fuzz.models.target", target, *(f"-{k}={v}" for k, v in options.items())]
        done = subprocess.run(
            [*command, str(corpus)], capture_output=True, text=True, errors="replace", cwd=Path(__file__).parents[2]
        )
        numbers = dict(re.findall(r"stat::(\w+):\s+(\d+)", done.stderr))
        total = counts.setdefault(target, {"inputs": 0, "seeds": [], "peak_mb": 0, "failed": 0})
        total["inputs"] += int(numbers.get("number_of_executed_units", 0))
        total["seeds"] = sorted({*total["seeds"], seed})
        total["peak_mb"] = max(total["peak_mb"], int(numbers.get("peak_rss_mb", 0)))
        print(f"{target}: {numbers.get('number_of_executed_units', 'no')} inputs with seed {seed}")
        if done.returncode:
            failed += 1
            total["failed"] += 1
            print("\n".join((done.stdout + done.stderr).splitlines()[-30:]))
        write_json(path, counts)
    return failed
