"""Check for programs that other packages start, and whose absence they do not always report clearly."""

from __future__ import annotations

import shutil


def require_ffmpeg(what: str) -> None:
    """Refuses to go on without ffmpeg and ffprobe, which museval and musdb want when they are imported.

    Args:
        what: what needs them, for the message.

    Raises:
        ValueError: one of the programs is not installed.
    """
    if missing := [program for program in ("ffmpeg", "ffprobe") if not shutil.which(program)]:
        raise ValueError(f"{what}: expected the programs ffmpeg and ffprobe. Missing: {', '.join(missing)}")
