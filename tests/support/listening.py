"""Where processes listen, on Linux."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure.ray_nodes import descendants


def listening(process: int) -> set[str]:
    """Addresses that a process and those it has started listen at, as /proc has them."""
    sockets: set[str] = set()
    for each in descendants(process):
        for name in _links(Path(f"/proc/{each}/fd")):
            if name.startswith("socket:["):
                sockets.add(name[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                found.add(fields[1].rpartition(":")[0])
    return found


def _links(folder: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            with contextlib.suppress(OSError):
                yield os.readlink(path)
