"""`keras-sep`, run in this process or in one of its own.

Here it is quick, for all that is about arguments, files and messages. A process shows what a signal, a closed stream
or a library's own words do to it; such tests are marked `command`.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from unittest import mock

import pytest
from tqdm import tqdm

from keras_sep import cli


def here(*arguments: str | os.PathLike) -> subprocess.CompletedProcess[str]:
    """Runs the command in this process: the status it returns or exits with, and what it prints.

    Standard streams are as before afterwards, and no thread of a progress bar is left. What
    libraries write to file 2 is not in `stderr`.
    """
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.ExitStack() as stack:
        file_1 = os.dup(1)  # which a failed print puts elsewhere
        stack.callback(os.close, file_1)
        stack.callback(os.dup2, file_1, 1)
        stack.enter_context(mock.patch.object(tqdm, "monitor_interval", 0))
        stack.enter_context(contextlib.redirect_stdout(stdout))
        stack.enter_context(contextlib.redirect_stderr(stderr))
        try:
            status = cli.main([os.fspath(argument) for argument in arguments])
        except SystemExit as end:  # argparse: the usage is wrong, or help was wanted
            status = end.code or 0
    return subprocess.CompletedProcess(arguments, status, stdout.getvalue(), stderr.getvalue())


def process(*arguments: str | os.PathLike, **options) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own; `options` are those of `subprocess.run`."""
    command = [sys.executable, "-m", "keras_sep.cli", *map(os.fspath, arguments)]
    return subprocess.run(command, text=True, **{"capture_output": True, "timeout": 100, **options})


# For a parameter of tests that hold for both.
WAYS = [pytest.param(here, id="here"), pytest.param(process, id="process", marks=pytest.mark.command)]
