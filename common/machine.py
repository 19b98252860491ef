"""The machine that figures come from."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path


def machine() -> str:
    """Returns the processor's name and the number of cores, such as "AMD EPYC 7B13, 2 cores"."""
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return f"{found[1] if found else platform.processor() or platform.machine()}, {os.cpu_count()} cores"
