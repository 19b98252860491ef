"""A folder that is replaced as a whole, so that nothing old stays in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def made_anew(folder: Path) -> Iterator[Path]:
    """Yields a temporary folder next to the target, which takes the target's place at the end.

    After an exception the temporary folder is deleted and the target is as it was.
    """
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
