"""Where the tests find the repository's own files."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "training" / "configs"
EXAMPLE = ROOT / "keras_sep" / "assets" / "example"
GOLDEN = ROOT / "tests" / "golden"


def tracked(folder: str = ".") -> set[str]:
    """Names of the files in `folder` that Git tracks, below ROOT, and that are there."""
    listed = subprocess.run(["git", "ls-files", "-z", folder], capture_output=True, text=True, check=True, cwd=ROOT)
    return {name for name in listed.stdout.split("\0") if (ROOT / name).is_file()}
