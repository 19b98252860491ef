"""`keras-sep separate` as a user runs it: whole processes on short, usual and long songs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import soundfile

from common import example_song

SONG_SECONDS = 240


def measure_separate(folder: Path, long_minutes: int) -> dict[str, Any]:
    """Measures whole-process time and peak memory of `keras-sep separate` with the default preset.

    Args:
        folder: existing folder for songs and stems; they are not deleted.
        long_minutes: length of the long song, ≥ 1.

    Returns:
        The figures that `benchmarks.tables.file_tables.separate_table` takes: times in s, speeds in multiples of real
        time, peaks of resident memory in MB.
    """
    figures: dict[str, Any] = {"long_minutes": long_minutes}
    second = song_file(folder / "second.wav", 1)
    figures["cold_starts_s"] = sorted(_run(second, folder=folder)[0] for _ in range(5))
    figures["cold_start_s"] = statistics.median(figures["cold_starts_s"])
    song = song_file(folder / "song.wav", SONG_SECONDS)
    walls = [_run(song, folder=folder)[0] for _ in range(5)]
    figures["real_time_factor"] = statistics.median(walls) / SONG_SECONDS
    figures["times_real_time"] = sorted(SONG_SECONDS / wall for wall in walls)
    jobs = os.cpu_count() or 1
    album = [song_file(folder / f"song{i}.wav", SONG_SECONDS) for i in range(2 * jobs)]
    walls = [_run(*album, folder=folder, jobs=jobs)[0] for _ in range(3)]
    figures["times_real_time_jobs"] = sorted(len(album) * SONG_SECONDS / wall for wall in walls)
    minute = song_file(folder / "minute.flac", 60)
    figures["peak_mb_1_minute"] = statistics.median(_run(minute, folder=folder)[1] for _ in range(3))
    long = song_file(folder / "long.flac", 60 * long_minutes)
    wall, figures["peak_mb_long"] = _run(long, folder=folder)
    figures["times_real_time_long"] = 60 * long_minutes / wall
    return figures


def song_file(path: Path, seconds: int) -> Path:
    """Writes a song of `seconds` seconds, the example repeated, as 16-bit stereo in the format of the suffix."""
    audio, rate = soundfile.read(example_song.MIXTURE, dtype="int16", always_2d=True)
    left = seconds * rate
    with soundfile.SoundFile(path, "w", rate, 2, subtype="PCM_16") as file:
        while left:
            file.write(audio[:left])
            left -= min(left, len(audio))
    return path


# The process reports its own peak: the one that its parent can read also counts the parent's memory before exec.
_CHILD = """
import re, sys
from keras_sep.cli import main
status = main(sys.argv[1:])
print(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])
sys.exit(status)
"""


def _run(*paths: Path, folder: Path, jobs: int = 1) -> tuple[float, float]:
    """Returns the wall time in s and the peak resident memory in MB of one call."""
    options = ["-o", str(folder / "stems"), "--overwrite", "--quiet", "--jobs", str(jobs)]
    arguments = ["separate", *map(str, paths), *options]
    start = time.perf_counter()
    result = subprocess.run([sys.executable, "-c", _CHILD, *arguments], stdout=subprocess.PIPE, text=True)
    if result.returncode:
        raise ValueError(f"{paths[0].name}: keras-sep separate ended with {result.returncode}")
    return time.perf_counter() - start, int(result.stdout) / 1024
