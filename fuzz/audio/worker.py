"""The process that separates one damaged file after the other, and looks at what has become of each.

It reads paths from standard input, one a line, and answers each with a line of JSON: "kind" is "whole", "damaged" or
"refused"; "problem" says what is wrong with that, or is None; "peak_mb" is how much memory the process has had.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import random
import resource
import shutil
import sys
import threading
import time
import warnings
import zlib
from pathlib import Path
from unittest import mock

import soundfile

from keras_sep.audio import FORMATS
from keras_sep.batch.plan import Request, make_plan
from keras_sep.batch.records import Records
from keras_sep.batch.run import run_plan
from keras_sep.outputs import FileOptions
from keras_sep.separator import Separator

MODEL = Path(__file__).parents[2] / "tests" / "golden" / "unit-mask-float32.tflite"  # a network that costs nothing
MOST_MEMORY = 500 << 20  # bytes that a file may need
_MOST_ADDRESSES = 3 << 30  # bytes, so that what swells ends at once; less would hide that it swells
_LONGEST_OUTPUT = 64 << 20  # bytes; an input has 256 KiB at most
_TOO_LARGE = os.strerror(27)  # EFBIG
_THREADS = ("song", "network")
_PATIENCE_S = 5.0
_SPARE_FILES = 16  # open ones, that the garbage collector may not have come to


class Checker:
    """Separation of files as by `keras-sep separate`, without its start, with a verdict on each outcome.

    Args:
        folder: for the outputs; emptied each time.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._separator = Separator(model=MODEL)
        self._open_files: int | None = None

    def check(self, path: Path) -> tuple[str, str | None]:
        """Returns the kind of outcome, and what is wrong with it or None."""
        shutil.rmtree(self._folder, ignore_errors=True)
        options = options_for(path.read_bytes())
        request = Request(
            inputs=[path],
            out=self._folder,
            mixes={source: {source: 1.0} for source in self._separator.spec.sources},
            model=self._separator.metadata["sha256"],
            model_name="unit",
            options=options,
        )
        said, printed = io.StringIO(), io.StringIO()
        with (
            mock.patch("os.fsync"),  # the disk is not what is tried here, and it is slow
            contextlib.redirect_stderr(said),
            contextlib.redirect_stdout(printed),
        ):
            try:
                records = Records()
                status = run_plan(make_plan(request, records), self._separator, records, 1, quiet=True)
            except BaseException as error:
                return "refused", f"{type(error).__name__}: {error}"
        lines = said.getvalue().splitlines()
        kind = "refused" if status else "damaged" if lines else "whole"
        return kind, self._problem(path, status, lines, options) or self._leak()

    def _problem(self, path: Path, status: int, lines: list[str], options: FileOptions) -> str | None:
        errors = [line for line in lines if line.startswith("keras-sep: error: ")]
        warned = [line for line in lines if line.startswith("keras-sep: warning: ")]
        if len(errors) != status or len(errors) + len(warned) != len(lines):
            return f"status {status} with {lines}"
        for word in (" unexpected ", _TOO_LARGE):
            if any(word in line for line in errors):
                return errors[0]
        folder = self._folder / path.stem
        found = {file.name: file for file in folder.iterdir()} if folder.exists() else {}
        if status:
            return f"refused, but left {sorted(found) or self._folder}" if self._folder.exists() else None
        suffix = FORMATS[options.format].suffix
        stems = [found.get(f"{source}{suffix}") for source in self._separator.spec.sources]
        if None in stems or len(found) != len(stems) + 1:
            return f"made {sorted(found)}"
        if options.format in ("wav", "flac", "ogg"):
            lengths = {_length(stem) for stem in stems if stem}
            if len(lengths) != 1 or 0 in lengths:
                return f"stems of {sorted(lengths)} samples"
        return None

    def _leak(self) -> str | None:
        count = len(os.listdir("/proc/self/fd"))
        self._open_files = self._open_files or count
        if count > self._open_files + _SPARE_FILES:
            return f"{count - self._open_files} files are still open"
        end = time.monotonic() + _PATIENCE_S  # a thread reports before it ends
        while ours := [thread.name for thread in threading.enumerate() if thread.name.startswith(_THREADS)]:
            if time.monotonic() > end:
                return f"threads that are still there: {', '.join(ours)}"
            time.sleep(0.001)
        return None


def options_for(content: bytes) -> FileOptions:
    """Returns how a file is read and written: at random, but the same for the same bytes."""
    rng = random.Random(zlib.crc32(content))
    return FileOptions(
        format=rng.choice(("wav",) * 8 + ("flac", "ogg", "m4a", "mp3", "opus", "wav16")),
        clip_mode=rng.choice(("warn", "warn", "warn", "rescale")),
        start=rng.choice((0.0,) * 9 + (0.03,)),
        duration=rng.choice((None,) * 9 + (0.06,)),
        strict=rng.random() < 0.1,
    )


def _length(stem: Path) -> int:
    """Returns the samples of a file, -1 where its header states another size than it has."""
    with stem.open("rb") as file:
        head = file.read(8)
    if head.startswith(b"RIFF") and int.from_bytes(head[4:], "little") + 8 != stem.stat().st_size:
        return -1
    return soundfile.info(stem).frames


def main() -> None:
    """Runs until standard input ends."""
    folder = Path(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    faulthandler.enable((folder / "crash.txt").open("w"))
    checker = Checker(folder / "out")
    warnings.simplefilter("always")  # not each of them only once
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LONGEST_OUTPUT, _LONGEST_OUTPUT))
    whole = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (whole + _MOST_ADDRESSES, whole + _MOST_ADDRESSES))
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        kind, problem = checker.check(Path(line.rstrip("\n")))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"kind": kind, "problem": problem, "peak_mb": peak}), file=answers, flush=True)


if __name__ == "__main__":
    main()
