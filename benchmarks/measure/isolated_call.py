"""A function called in a process of its own: one thread, and memory that nothing else has touched."""

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
# NumPy's matrix products read these when it is imported, so they are set before a process starts.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# By Ctrl-C it ends at once and says nothing: the parent hears the same signal. A job in the background hears none.
_START = (
    "import signal\n"
    "if signal.getsignal(signal.SIGINT) != signal.SIG_IGN: signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
    "from benchmarks.measure.isolated_call import answer; answer()"
)


def isolated_call(function: Callable[..., Any], *arguments: Any, one_thread: bool = True, quiet: bool = True) -> Any:
    """Calls a function in a new process; arguments and result must fit into JSON.

    Args:
        function: of a module at its top level.
        arguments: of the function.
        one_thread: for NumPy; LiteRT and ONNX Runtime are told by those who load them.
        quiet: keeps what it says on stderr, unless it fails; otherwise that is shown as it comes.

    Raises:
        ValueError: the message of its ValueError, OSError or ImportError, or how else it ended.
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
    """Answers an `isolated_call` in the new process: request on stdin, reply on stdout."""
    # Whatever libraries print goes to stderr, so that the reply stands alone.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    module, name, arguments = json.load(sys.stdin)
    try:
        reply = {"result": getattr(importlib.import_module(module), name)(*arguments)}
    except (ValueError, OSError, ImportError) as error:
        reply = {"error": str(error)}
    with out:
        json.dump(reply, out)
