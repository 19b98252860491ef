"""Stands for `fuzz.audio.worker`, and does wrong what the file's content says."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def main() -> None:
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        content = Path(line.rstrip("\n")).read_text()
        if content == "crash":
            Path(sys.argv[1], "crash.txt").write_text("Fatal Python error: Aborted")
            os.abort()
        while content == "time":
            time.process_time()
        problem = "stems of [1, 2] samples" if content == "problem" else None
        peak = 501.0 if content == "memory" else 100.0
        print(json.dumps({"kind": "whole", "problem": problem, "peak_mb": peak}), flush=True)


if __name__ == "__main__":
    main()
