"""Part files: output files until they are complete, in the folder of their target, named ".NAME.PID.part"."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed
    fcntl = None  # type: ignore[assignment]

_LONGEST_NAME = 200  # bytes; what is added to it, a file system may still take
_PART = re.compile(r"\..+\.(\d+)\.part")


def part_of(path: Path) -> Path:
    """Returns the path of this process's part file for a target; a name that is too long is replaced by its digest.

    Examples:
        >>> import os
        >>> from pathlib import Path
        >>> from keras_sep.audio.parts import part_of
        >>> part_of(Path("stems/vocals.wav")) == Path(f"stems/.vocals.wav.{os.getpid()}.part")
        True
    """
    name = path.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return path.with_name(f".{name}.{os.getpid()}.part")


def open_part(part: Path) -> BinaryIO:
    """Opens a part file for writing and reading, and locks it until it is closed.

    The lock tells `sweep_parts` in other processes, and on other computers, that the file is in use.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.audio.parts import open_part, part_of
        >>> part = part_of(Path("vocals.wav"))
        >>> with open_part(part) as file:
        ...     file.write(b"sound")
        5
        >>> part.replace("vocals.wav").name
        'vocals.wav'
    """
    file = part.open("wb+")
    if fcntl is not None:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def sweep_parts(folder: str | os.PathLike[str]) -> list[Path]:
    """Removes part files that killed processes have left in a folder; those of running processes stay.

    Returns:
        The files removed; none if there is no such folder.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.audio import sweep_parts
        >>> Path(".vocals.wav.99999999.part").touch()  # no process has such a number
        >>> [path.name for path in sweep_parts(".")]
        ['.vocals.wav.99999999.part']
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
    if os.name != "posix":  # on Windows os.kill ends a process, whatever the signal
        return pid == os.getpid()
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's process
        return True
    return True


def _is_locked(part: Path) -> bool:
    """Returns whether a process has the part file open, be it on another computer or in another container."""
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
