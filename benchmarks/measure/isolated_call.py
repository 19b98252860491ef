"""A call of a function in a separate process, with one thread and with memory that nothing else has touched."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# NumPy reads these when it is imported, so they must be set before the process starts.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# Ctrl-C reaches parent and child; the child ends at once and in silence. Jobs in the background go on ignoring it.
_START = (
    "import signal\n"
    "if signal.getsignal(signal.SIGINT) != signal.SIG_IGN: signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
    "from benchmarks.measure.isolated_call import answer; answer()"
)


def isolated_call(function: Callable[..., Any], *arguments: Any, one_thread: bool = True, quiet: bool = True) -> Any:
    """Calls a function in a new process and returns its result.

    Args:
        function: defined at the top level of a module.
        arguments: of the function; they and the result must be expressible in JSON.
        one_thread: limits NumPy to one thread; LiteRT and ONNX Runtime are limited by the code that loads them.
        quiet: hides the function's stderr; False shows it as it comes.

    Raises:
        ValueError: the function raised ValueError, OSError or ImportError, whose message this one repeats; or the
            process ended with a status other than 0, with which the last line of a hidden stderr is quoted.
    """
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", **(ONE_THREAD if one_thread else {})}
    result = subprocess.run(
        [sys.executable, "-c", _START],
        input=json.dumps([function.__module__, function.__name__, arguments]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if quiet else None,
        env=environment,
        text=True,
    )
    if result.returncode:
        last = (result.stderr or "").strip().splitlines()[-1:]
        raise ValueError(
            f"{function.__name__}: a process of the benchmark ended with {result.returncode} {''.join(last)}".strip()
        )
    reply = json.loads(result.stdout)
    if "error" in reply:
        raise ValueError(reply["error"])
    return reply["result"]


def answer() -> None:
    """Answers an `isolated_call` in the new process: reads the request from stdin, writes the reply to stdout."""
    # Whatever libraries print goes to stderr, so that stdout holds the reply alone.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    module, name, arguments = json.load(sys.stdin)
    try:
        reply = {"result": getattr(importlib.import_module(module), name)(*arguments)}
    except (ValueError, OSError, ImportError) as error:
        reply = {"error": str(error)}
    with out:
        json.dump(reply, out)
