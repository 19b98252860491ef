"""What is said where a program is missing."""

from __future__ import annotations

import pytest

from common import programs


def test_missing_programs_are_named(monkeypatch):
    monkeypatch.setattr(programs.shutil, "which", lambda name: None if name == "ffprobe" else f"/bin/{name}")
    with pytest.raises(ValueError, match=r"scores: expected the programs ffmpeg and ffprobe. Missing: ffprobe$"):
        programs.require_ffmpeg("scores")
    monkeypatch.setattr(programs.shutil, "which", lambda name: f"/bin/{name}")
    programs.require_ffmpeg("scores")
