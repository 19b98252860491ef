"""Memory of this process."""

from __future__ import annotations

import re
from pathlib import Path


def resident_mb() -> float | None:
    """Returns the memory that this process holds now, MB; None where the system does not say.

    Example:

    >>> resident_mb() is None or resident_mb() > 1
    True
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"VmRSS:\s*(\d+)", status)
    return int(found[1]) / 1024 if found else None
