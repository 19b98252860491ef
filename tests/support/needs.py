"""Programs that not every machine has: tests of what needs them are skipped there, and say so."""

from __future__ import annotations

import os
import shutil

import pytest

from keras_sep.web import PAGE

needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="ffmpeg, which makes and reads this, is missing"
)
needs_posix = pytest.mark.skipif(os.name != "posix", reason="POSIX signals, limits or file names")
needs_page = pytest.mark.skipif(
    not (PAGE / "index.html").is_file(), reason="`make page`, which needs Node.js, built none"
)
needs_chromium = pytest.mark.skipif(not shutil.which("chromium"), reason="Debian's chromium is missing")
