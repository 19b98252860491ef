"""Files that are being written: beside their target under another name, ".NAME.PID.part"."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where nobody can remove a file that is open
    fcntl = None  # type: ignore[assignment]

_PART = re.compile(r"\..+\.(\d+)\.part")


def part_of(path: Path) -> Path:
    """Returns the name that this process writes `path` under."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def open_part(part: Path) -> BinaryIO:
    """Opens a part for writing and reading, locked until it is closed."""
    file = part.open("wb+")
    if fcntl is not None:
        with contextlib.suppress(OSError):  # a file system that knows no locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def sweep_parts(folder: str | os.PathLike[str]) -> list[Path]:
    """Removes the parts in `folder` that killed processes have left; those of running processes stay.

    Returns:
        The files removed; none if there is no such folder.
    """
    removed = []
    with contextlib.suppress(OSError):
        for part in sorted(Path(folder).iterdir()):
            name = _PART.fullmatch(part.name)
            if name and part.is_file() and not _is_running(int(name[1])) and not _is_locked(part):
                with contextlib.suppress(OSError):
                    part.unlink()
                    removed.append(part)
    return removed


def _is_running(pid: int) -> bool:
    if os.name != "posix":  # there os.kill ends a process, whatever the signal
        return pid == os.getpid()
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _is_locked(part: Path) -> bool:
    """Whether a process holds the part open: on another computer, too, or in another container."""
    if fcntl is None:
        return False
    try:
        with part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
